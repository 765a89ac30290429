"""A case that two sides look at independently."""

import asyncio
from typing import Literal

from rooms.agents.effects import Effects, note
from rooms.agents.script import said
from rooms.contracts.pair import Ask, Decided, FromBank, FromRegister, Opened, Settled

from misstep import Failure, Turn, agent


@agent(budget="5s", owner="files", effect="opens a file")
def open_file(turn: Turn[Ask]) -> Opened:
    """Opens a file."""
    note(turn.idempotency_key, "do", "pair", "open_file", turn.case_id)
    return Opened(number=turn.payload.number, script=turn.payload.script)


@agent(budget="20s", owner="bank", effect="asks the bank")
async def ask_bank(turn: Turn[Opened], effects: Effects) -> FromBank | Failure[Literal["rubric_fail", "model_down"]]:
    """One side."""
    match said(turn.payload.script, "ask_bank", turn.attempt):
        case "nap":
            await asyncio.sleep(0.05)
        case "rubric_fail":
            return turn.fail("rubric_fail", "the bank is not sure")
        case "model_down":
            return turn.fail("model_down", "no answer, on purpose")
    try:
        await effects.write((turn.idempotency_key, "do", "pair", "ask_bank", turn.case_id))
    except ConnectionError as error:
        return turn.fail("model_down", str(error))
    return FromBank(number=turn.payload.number, script=turn.payload.script)


@agent(budget="5s", owner="register", effect="asks the register")
def ask_register(turn: Turn[Opened]) -> FromRegister | Failure[Literal["compliance_fail"]]:
    """The other side."""
    if said(turn.payload.script, "ask_register", turn.attempt) == "refused":
        return turn.fail("compliance_fail", "the register refuses")
    note(turn.idempotency_key, "do", "pair", "ask_register", turn.case_id)
    return FromRegister(number=turn.payload.number, script=turn.payload.script)


@agent(budget="5s", owner="desk")
def decide(turn: Turn[tuple[FromBank, FromRegister]]) -> Decided | Failure[Literal["model_down"]]:
    """Where the sides meet."""
    bank, _ = turn.payload
    if said(bank.script, "decide", turn.attempt) == "model_down":
        return turn.fail("model_down", "not now, on purpose")
    return Decided(number=bank.number, script=bank.script)


@agent(budget="20s", owner="desk", effect="settles it")
async def settle(turn: Turn[Decided], effects: Effects) -> Settled | Failure[Literal["compliance_fail", "model_down"]]:
    """The end."""
    if said(turn.payload.script, "settle", turn.attempt) == "refused":
        return turn.fail("compliance_fail", "it cannot be settled")
    try:
        await effects.write((turn.idempotency_key, "do", "pair", "settle", turn.case_id))
    except ConnectionError as error:
        return turn.fail("model_down", str(error))
    return Settled(number=turn.payload.number)
