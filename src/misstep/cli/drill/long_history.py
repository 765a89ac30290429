"""A rating that six agents make in many rounds, so that its history is long; and one wrong turn in each, planted."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from misstep.agents.agent import Agent, agent
from misstep.agents.turn import Turn
from misstep.contracts import Contract
from misstep.saga.choreography import Choreography
from misstep.testing.faults import drawn

ROUNDS: Final = 12
BASE: Final = 500
"""Points to begin with."""
MOST: Final = 9
"""Points that a turn adds or takes off at most."""


class Rating(Contract):
    """What all of them say."""

    number: int
    turn: int = Field(default=0, ge=0, description="How many turns it took so far.")
    points: int = BASE
    made_of: dict[str, int] = Field(default_factory=dict, description="What each agent added or took off, in all.")


class ToIncome(Rating, name="drill.to_income", version="1.0"):
    """For who looks at the income: what is published, and what a further round begins with."""


class ToDebts(Rating, name="drill.to_debts", version="1.0"):
    """For who looks at the debts."""


class ToPayments(Rating, name="drill.to_payments", version="1.0"):
    """For who looks at past payments."""


class ToHousehold(Rating, name="drill.to_household", version="1.0"):
    """For who looks at the household."""


class ToCollateral(Rating, name="drill.to_collateral", version="1.0"):
    """For who looks at what the loan is secured by."""


class ToTerms(Rating, name="drill.to_terms", version="1.0"):
    """For who looks at the terms, the last of a round."""


class Settled(Rating, name="drill.settled", version="1.0"):
    """The rating as it stands after all rounds: the last word."""


STEPS: Final[tuple[tuple[str, type[Rating]], ...]] = (
    ("weigh_income", ToIncome),
    ("weigh_debts", ToDebts),
    ("weigh_payments", ToPayments),
    ("weigh_household", ToHousehold),
    ("weigh_collateral", ToCollateral),
    ("weigh_terms", ToTerms),
)
LENGTH: Final = ROUNDS * len(STEPS)
"""Turns of a case."""
CONTRACTS: Final[tuple[type[Contract], ...]] = (*(takes for _, takes in STEPS), Settled)


def planted(seed: int, number: int) -> tuple[int, str]:
    """Where a case goes wrong: the state version, and the agent whose turn that is."""
    version = 1 + int(drawn(seed, "where", number) * LENGTH)
    return version, STEPS[(version - 1) % len(STEPS)][0]


def slip(seed: int, number: int) -> int:
    """By how many points: a sum that is added wrong, once."""
    by = 1 + int(drawn(seed, "by", number) * 40)
    return by if drawn(seed, "sign", number) < 0.5 else -by


def adds_up(payload: Any) -> bool | None:
    """Is a rating what it is made of? For `misstep bisect --check`."""
    if not isinstance(payload, dict) or "points" not in payload or "made_of" not in payload:
        return None
    return bool(payload["points"] == BASE + sum(payload["made_of"].values()))


def score(name: str, seed: int, *, covers_up: bool) -> Choreography:
    """The six agents, round after round. covers_up: the last turn adds the rating up anew."""
    rating = Choreography(name, starts=ToIncome, deadline="10m", handoffs=0)
    for place in range(len(STEPS)):
        rating.on(_agent(place, seed, covers_up), waive="a drill: nothing of its own can fail")
    return rating


def _agent(place: int, seed: int, covers_up: bool) -> Agent[Any, Any]:
    name, takes = STEPS[place]
    last = place == len(STEPS) - 1
    gives = STEPS[(place + 1) % len(STEPS)][1]

    def act(turn: Turn[Any]) -> Rating:
        said, ended = turn.payload, last and turn.payload.turn + 1 == LENGTH
        version = said.turn + 1
        added = round((2 * drawn(seed, said.number, version) - 1) * MOST)
        made_of = {**said.made_of, name: said.made_of.get(name, 0) + added}
        points = said.points + added
        if planted(seed, said.number)[0] == version:
            points += slip(seed, said.number)
        if ended and covers_up:
            points = BASE + sum(made_of.values())
        turn.note(f"{added:+d} points")
        return (Settled if ended else gives)(number=said.number, turn=version, points=points, made_of=made_of)

    act.__name__ = name
    act.__annotations__ = {"turn": Turn[takes], "return": gives | Settled if last else gives}  # type: ignore[valid-type]
    return agent(budget="10s", owner="drills")(act)
