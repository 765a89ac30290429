"""A choreography that forks and meets again: two sides of one case are looked at independently."""

import asyncio
from typing import Literal

from pydantic import Field

from misstep import (
    Choreography,
    Contract,
    Failure,
    Turn,
    Undo,
    agent,
    compensate,
    dead_letter,
    escalate,
    retry,
    to,
)
from tests.undo.trip import Released, said, write


class Ask(Contract, name="survey.ask", version="1.0"):
    """What a case asks for: `script` says how agents' attempts go."""

    number: int = Field(ge=0)
    script: dict[str, list[str]] = Field(default_factory=dict)


class Opened(Contract, name="survey.opened", version="1.0"):
    """After `open_file`."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Left(Contract, name="survey.left", version="1.0"):
    """What the left side says."""

    number: int
    by: str = "left"
    script: dict[str, list[str]] = Field(default_factory=dict)


class Middle(Contract, name="survey.middle", version="1.0"):
    """On the right side, half way."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Right(Contract, name="survey.right", version="1.0"):
    """What the right side says."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Both(Contract, name="survey.both", version="1.0"):
    """What they come to together."""

    left: int
    right: int
    by: str
    script: dict[str, list[str]] = Field(default_factory=dict)


class Closed(Contract, name="survey.closed", version="1.0"):
    """The end."""

    total: int


@agent(budget="2s", owner="files", effect="opens a file")
def open_file(turn: Turn[Ask]) -> Opened:
    """Opens a file."""
    write("do", "open_file", turn.case_id, turn.idempotency_key)
    return Opened(number=turn.payload.number, script=turn.payload.script)


@agent(budget="2s", owner="left", effect="asks the left")
async def ask_left(turn: Turn[Opened]) -> Left | Failure[Literal["rubric_fail", "model_down", "compliance_fail"]]:
    """The left side."""
    match said(turn.payload.script, "ask_left", turn.attempt):
        case "nap":
            await asyncio.sleep(0.05)
        case "rubric_fail":
            return turn.fail("rubric_fail", "the left is not sure")
        case "compliance_fail":
            return turn.fail("compliance_fail", "the left refuses")
        case "model_down":
            return turn.fail("model_down", "the left does not answer")
    write("do", "ask_left", turn.case_id, turn.idempotency_key)
    return Left(number=turn.payload.number, script=turn.payload.script)


@agent(budget="2s", owner="left")
def ask_left_again(turn: Turn[Opened]) -> Left | Failure[Literal["rubric_fail"]]:
    """Somebody else on the left side."""
    if said(turn.payload.script, "ask_left_again", turn.attempt) == "rubric_fail":
        return turn.fail("rubric_fail", "nobody on the left is sure")
    return Left(number=turn.payload.number, by="again", script=turn.payload.script)


@agent(budget="2s", owner="right")
def ask_middle(turn: Turn[Opened]) -> Middle | Failure[Literal["compliance_fail"]]:
    """The right side, first half."""
    if said(turn.payload.script, "ask_middle", turn.attempt) == "compliance_fail":
        return turn.fail("compliance_fail", "the middle refuses")
    return Middle(number=turn.payload.number, script=turn.payload.script)


@agent(budget="2s", owner="right", effect="asks the right")
async def ask_right(turn: Turn[Middle]) -> Right | Failure[Literal["compliance_fail", "model_down"]]:
    """The right side, second half."""
    match said(turn.payload.script, "ask_right", turn.attempt):
        case "nap":
            await asyncio.sleep(0.05)
        case "compliance_fail":
            return turn.fail("compliance_fail", "the right refuses")
        case "model_down":
            return turn.fail("model_down", "the right does not answer")
    write("do", "ask_right", turn.case_id, turn.idempotency_key)
    return Right(number=turn.payload.number, script=turn.payload.script)


@agent(budget="2s", owner="desk")
def put_together(turn: Turn[tuple[Left, Right]]) -> Both | Failure[Literal["invariant_broken", "model_down"]]:
    """Where the sides meet."""
    left, right = turn.payload
    match said(left.script, "put_together", turn.attempt):
        case "invariant_broken":
            return turn.fail("invariant_broken", "the sides disagree", left=left.number, right=right.number)
        case "model_down":
            return turn.fail("model_down", "not now")
        case "bug":
            raise KeyError("missing")
    return Both(left=left.number, right=right.number, by=left.by, script=left.script)


@agent(budget="2s", owner="desk", effect="closes the file")
def close_file(turn: Turn[Both]) -> Closed | Failure[Literal["compliance_fail"]]:
    """The end."""
    if said(turn.payload.script, "close_file", turn.attempt) == "compliance_fail":
        return turn.fail("compliance_fail", "it cannot be closed")
    write("do", "close_file", turn.case_id, turn.idempotency_key)
    return Closed(total=turn.payload.left + turn.payload.right)


survey = Choreography("survey", starts=Ask, deadline="5m", handoffs=2)
survey.on(open_file, waive="nothing of its own can fail")
survey.on(ask_left, fork="sides", rubric_fail=to(ask_left_again), model_down=dead_letter, compliance_fail=compensate)
survey.on(ask_left_again, standby=True, rubric_fail=escalate, waive="nobody else to ask")
survey.on(ask_middle, fork="sides", compliance_fail=compensate)
survey.on(ask_right, compliance_fail=compensate, model_down=retry(2, first="20ms") | dead_letter)
survey.on(put_together, invariant_broken=compensate, model_down=retry(2, first="20ms") | dead_letter)
survey.on(close_file, compliance_fail=compensate)


@survey.undo(open_file, tries=retry(2, first="20ms"))
async def unopen(undo: Undo[Ask, Opened]) -> Released:
    """Closes the file again."""
    write("undo", "open_file", undo.case_id, undo.idempotency_key)
    return Released(key=undo.idempotency_key)


@survey.undo(ask_left, tries=retry(2, first="20ms"))
async def unask_left(undo: Undo[Opened, Left]) -> Released:
    """Takes the left's question back."""
    write("undo", "ask_left", undo.case_id, undo.idempotency_key)
    return Released(key=undo.idempotency_key)


@survey.undo(ask_right, tries=retry(2, first="20ms"))
async def unask_right(undo: Undo[Middle, Right]) -> Released:
    """Takes the right's question back."""
    write("undo", "ask_right", undo.case_id, undo.idempotency_key)
    return Released(key=undo.idempotency_key)


@survey.undo(close_file, tries=retry(2, first="20ms"))
async def unclose(undo: Undo[Both, Closed]) -> Released:
    """Nothing was closed when closing failed; if it was, it is open again."""
    write("undo", "close_file", undo.case_id, undo.idempotency_key)
    return Released(key=undo.idempotency_key)
