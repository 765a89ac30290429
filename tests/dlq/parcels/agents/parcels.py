"""Who handles a parcel; each agent does what the parcel's script says for this life of the case."""

import asyncio
from typing import Literal

from rooms.contracts.parcels import Booked, Light, Parcel, Sent, Weighed

from misstep import Failure, Turn, agent


def act(turn: Turn[Parcel] | Turn[Light] | Turn[Booked]) -> str:
    lives = turn.payload.script.get(turn.agent, [])
    return lives[turn.epoch] if turn.epoch < len(lives) else "ok"


@agent(budget="5s", owner="scales")
def weigh(turn: Turn[Parcel]) -> Weighed | Failure[Literal["rubric_fail", "model_down", "compliance_fail"]]:
    match act(turn):
        case "compliance_fail":
            return turn.fail("compliance_fail", "it is not for these scales", limit=30)
        case "rubric_fail":
            suggestions = [{"number": turn.payload.number, "grams": 10}, {"number": "many"}]
            return turn.fail("rubric_fail", "the scales do not settle", suggestions=suggestions)
        case "model_down":
            return turn.fail("model_down", f"no answer from scales {turn.payload.number}")
    grams = 5_000 if act(turn) == "heavy" else 10 * turn.payload.number
    return Weighed(number=turn.payload.number, grams=grams, script=turn.payload.script)


@agent(budget="5s", owner="scales")
def weigh_by_hand(turn: Turn[Parcel]) -> Weighed | Failure[Literal["model_down"]]:
    """Only ever hears of failures."""
    assert turn.failure is not None
    if act(turn) == "model_down":
        return turn.fail("model_down", "nobody is there")
    assert (turn.failure.reason, turn.failure.agent) == ("compliance_fail", "weigh")
    return Weighed(
        number=turn.payload.number, grams=int(str(turn.failure.evidence["limit"])), script=turn.payload.script
    )


@agent(budget="5s", owner="carrier", effect="books a place on the van")
async def book(turn: Turn[Light]) -> Booked | Failure[Literal["model_down", "invariant_broken"]]:
    match act(turn):
        case "model_down":
            return turn.fail("model_down", "the carrier does not answer", key=turn.idempotency_key)
        case "invariant_broken":
            return turn.fail("invariant_broken", "it is on two vans")
        case "slow":
            await asyncio.sleep(2)
    return Booked(number=turn.payload.number, key=turn.idempotency_key, script=turn.payload.script)


@agent(budget="5s", owner="carrier")
def send(turn: Turn[Booked]) -> Sent | Failure[Literal["model_down", "rubric_fail"]]:
    match act(turn):
        case "model_down":
            return turn.fail("model_down", "the van has left")
        case "rubric_fail":
            return turn.fail("rubric_fail", "the label cannot be read")
    return Sent(number=turn.payload.number)
