"""The score of the drill `stale-cache`, and where its agents keep ratings.

It is no workflow of this project: the loader reads `saga/*.py` alone, and the drill asks for this one.
"""

from collections.abc import AsyncIterator
from typing import Literal

from pydantic import Field
from rooms.agents.credit import open_application
from rooms.agents.credit_rating import answer, quote, rate_again, rate_first
from rooms.agents.credit_ratings import Ratings, SharedCache, StateVersions
from rooms.contracts.credit import Application

from misstep import Choreography, Settings, Wiring, dead_letter, escalate
from misstep.testing.faults import drawn

LOST = 0.2
"""Of the applications: the message that tells the cache to forget is lost."""
WHY = "a drill: nothing of its own can fail"


class RatingsSettings(Settings, env_prefix="DRILL_"):
    """Which side is played."""

    ratings: Literal["cache", "versions"] = Field(default="versions", description="What agents read ratings from.")


def is_lost(seed: int, application_id: str) -> bool:
    """The fault schedule, the same for both sides."""
    return drawn(seed, "invalidation", application_id) < LOST


def score(name: str) -> Choreography:
    """Rated, quoted, rated again, answered."""
    rating = Choreography(name, starts=Application, deadline="5m", handoffs=0)
    rating.on(open_application, invariant_broken=dead_letter, compliance_fail=escalate)
    rating.on(rate_first, waive=WHY)
    rating.on(quote, waive=WHY)
    rating.on(rate_again, waive=WHY)
    rating.on(answer, waive=WHY)
    return rating


def wiring_of(seed: int, *, always_cache: bool) -> Wiring:
    """The side that DRILL_RATINGS names. always_cache: both sides read from the cache."""
    wiring = Wiring()

    @wiring.provides(dependency="ratings")
    async def ratings(settings: RatingsSettings) -> AsyncIterator[Ratings]:
        cache = SharedCache(lambda application_id: is_lost(seed, application_id))
        yield cache if always_cache or settings.ratings == "cache" else StateVersions(cache)

    return wiring
