"""The agents of the drill `stale-cache`: an application is rated, quoted, rated again, and answered."""

from __future__ import annotations

from typing import Literal

from rooms.agents.credit_decision import rate_of
from rooms.agents.credit_ratings import Ratings
from rooms.agents.credit_scoring import DOUBTFUL, GOOD, points_of, rule_of_thumb, total
from rooms.contracts.credit import Opened
from rooms.contracts.credit_rating import Assessed, Preliminary, Quoted, Rated

from misstep import Turn, agent


@agent(budget="2s", owner="scoring")
async def rate_first(turn: Turn[Opened], ratings: Ratings) -> Preliminary:
    """Rates by how far the application came."""
    file = turn.payload.file
    points = total(rule_of_thumb(file))
    await ratings.write(file.application_id, points)
    return Preliminary(file=file, application_id=file.application_id, points=points)


@agent(budget="2s", owner="lending")
async def quote(turn: Turn[Preliminary], ratings: Ratings) -> Quoted:
    """Tells the applicant a rate; a reader of the rating, as there are many."""
    said = turn.payload
    points = await ratings.current(said)
    return Quoted(file=said.file, application_id=said.application_id, points=points, rate=rate_of(points, "low"))


@agent(budget="2s", owner="scoring")
async def rate_again(turn: Turn[Quoted], ratings: Ratings) -> Assessed:
    """Rates by the whole file; what was said before no longer holds."""
    said = turn.payload
    points = total(points_of(said.file))
    await ratings.write(said.application_id, points)
    return Assessed(application_id=said.application_id, points=points)


@agent(budget="2s", owner="lending")
async def answer(turn: Turn[Assessed], ratings: Ratings) -> Rated:
    """Answers by the rating as it is now."""
    points = await ratings.current(turn.payload)
    return Rated(
        application_id=turn.payload.application_id,
        points=points,
        rate=rate_of(points, "low"),
        answer=answer_to(points),
    )


def answer_to(points: int) -> Literal["offered", "for a person", "declined"]:
    """What the points come to."""
    return "offered" if points >= GOOD else "for a person" if points >= DOUBTFUL else "declined"
