"""Five agents in a row. Effects of the odd ones are in a file, those of the even ones in Postgres."""

import asyncio
from typing import Literal

from rooms.agents.effects import Effects, note
from rooms.agents.script import said
from rooms.contracts.line import Charged, Confirmed, Order, Priced, Reserved, Taken

from misstep import Failure, Turn, agent


@agent(budget="5s", owner="desk", effect="opens a file")
def take_in(turn: Turn[Order]) -> Taken:
    """Takes the order in."""
    note(turn.idempotency_key, "do", "line", "take_in", turn.case_id)
    return Taken(number=turn.payload.number, script=turn.payload.script)


@agent(budget="20s", owner="stock", effect="reserves a thing")
async def reserve(turn: Turn[Taken], effects: Effects) -> Reserved | Failure[Literal["model_down"]]:
    """Reserves the thing."""
    if said(turn.payload.script, "reserve", turn.attempt) == "model_down":
        return turn.fail("model_down", "no answer, on purpose")
    try:
        await effects.write((turn.idempotency_key, "do", "line", "reserve", turn.case_id))
    except ConnectionError as error:
        return turn.fail("model_down", str(error))
    return Reserved(number=turn.payload.number, script=turn.payload.script)


@agent(budget="5s", owner="desk", effect="notes a price")
def price(turn: Turn[Reserved]) -> Priced | Failure[Literal["model_down"]]:
    """Says what it costs."""
    word = said(turn.payload.script, "price", turn.attempt)
    if word == "model_down":
        return turn.fail("model_down", "no answer, on purpose")
    note(turn.idempotency_key, "do", "line", "price", turn.case_id)
    padding = "x" * 1_100_000 if word == "huge" else ""
    return Priced(number=turn.payload.number, script=turn.payload.script, padding=padding)


@agent(budget="20s", owner="till", effect="takes money")
async def charge(turn: Turn[Priced], effects: Effects) -> Charged | Failure[Literal["compliance_fail", "model_down"]]:
    """Takes the money, or says why it cannot."""
    word = said(turn.payload.script, "charge", turn.attempt)
    if word == "refused":
        return turn.fail("compliance_fail", "the card is stolen")
    if word == "nap":
        await asyncio.sleep(0.05)
    try:
        await effects.write((turn.idempotency_key, "do", "line", "charge", turn.case_id))
    except ConnectionError as error:
        return turn.fail("model_down", str(error))
    if word == "lost answer":
        return turn.fail("compliance_fail", "the till did not answer")
    return Charged(number=turn.payload.number, script=turn.payload.script)


@agent(budget="5s", owner="desk", effect="sends a note", irreversible="it is the last step")
def confirm(turn: Turn[Charged]) -> Confirmed | Failure[Literal["rubric_fail"]]:
    """The end."""
    if said(turn.payload.script, "confirm", turn.attempt) == "rubric_fail":
        return turn.fail("rubric_fail", "nobody to send it to")
    note(turn.idempotency_key, "do", "line", "confirm", turn.case_id)
    return Confirmed(number=turn.payload.number)
