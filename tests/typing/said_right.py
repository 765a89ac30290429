"""A project as users write it: both type checkers pass every line of it."""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from misstep import (
    Choreography,
    Contract,
    Escalated,
    Failure,
    Settings,
    Turn,
    Undo,
    Wiring,
    agent,
    back_to,
    compensate,
    dead_letter,
    degrade,
    escalate,
    retry,
    to,
)


class Receipt(Contract, name="typed.receipt", version="1.0"):
    lines: list[str]


class Extracted(Contract, name="typed.extracted", version="1.0"):
    total: int


class Trusted(Extracted):
    """A stricter reading."""


class Matched(Contract, name="typed.matched", version="1.0"):
    total: int
    order: str | None


class Posted(Contract, name="typed.posted", version="1.0"):
    entry: str


class Reversed(Contract, name="typed.reversed", version="1.0"):
    entry: str


class Orders(Protocol):
    async def matching(self, total: int) -> str: ...


class Ledger(Protocol):
    async def book(self, matched: Matched, *, key: str) -> Posted: ...
    async def reverse(self, entry: str) -> None: ...


@agent(budget="2s", owner="capture")
def extract(turn: Turn[Receipt]) -> Extracted | Failure[Literal["rubric_fail"]]:
    if not turn.payload.lines:
        return turn.fail("rubric_fail", "no line reads as a total", lines=len(turn.payload.lines))
    turn.note("read", tokens=3, lines=1)
    return Extracted(total=1)


@agent(budget="2s")
def extract_fallback(turn: Turn[Receipt]) -> Extracted | Failure[Literal["rubric_fail"]]:
    if turn.failure is not None and turn.failure.reason == "rubric_fail":
        return turn.fail("rubric_fail", f"nor can I, {turn.failure.detail}")
    return Extracted(total=1)


@agent(budget="500ms")
async def match_order(turn: Turn[Trusted], orders: Orders) -> Matched | Failure[Literal["model_down", "stock_out"]]:
    receipt = await turn.earlier(Receipt)
    if not receipt.lines:
        return turn.fail("stock_out", "nothing was bought")
    async with turn.calling("orders"):
        return Matched(total=turn.payload.total, order=await orders.matching(turn.payload.total))


def without_order(turn: Turn[Trusted]) -> Matched:
    return Matched(total=turn.payload.total, order=None)


@agent(budget="3s", effect="books an entry", raises={LookupError: "invariant_broken"})
async def post_entry(turn: Turn[Matched], ledger: Ledger) -> Posted | Failure[Literal["model_down"]]:
    async with turn.calling("ledger"):
        return await turn.step("book", ledger.book, turn.payload, key=turn.idempotency_key)


@agent(budget="1s")
def queue(turn: Turn[Escalated]) -> Reversed:
    return Reversed(entry=turn.payload.detail)


invoice = Choreography(
    "invoice",
    starts=Receipt,
    deadline="60s",
    handoffs=3,
    otherwise={"agent_fault": retry(2, varies="build") | escalate},
)
invoice.on(
    extract,
    rubric_fail=to(extract_fallback) | escalate,
    latency_blow=retry(3) | to(extract_fallback, times=2) | dead_letter,
    schema_invalid=degrade(Extracted(total=0)),
)
invoice.on(extract_fallback, standby=True, rubric_fail=escalate, latency_blow=escalate, waive="the last reader")
invoice.on(
    match_order,
    model_down=retry(3, first="200ms", cap="2s") | degrade(without_order),
    own={"stock_out": degrade(Matched(total=0, order=None)) | compensate, "stock_late": dead_letter},
)
invoice.on(
    post_entry,
    fork="",
    model_down=retry(1) | compensate,
    latency_blow=back_to(match_order, times=1) | compensate,
    invariant_broken=retry(2) | retry(3) | dead_letter,
)
invoice.on(queue, waive="it only takes down")


@invoice.undo(post_entry)
async def reverse_entry(undo: Undo[Matched, Posted], ledger: Ledger) -> Reversed:
    if undo.output is not None:
        await ledger.reverse(undo.output.entry)
    return Reversed(entry=undo.input.order or "")


@invoice.undo(queue)
async def forget(undo: Undo[Escalated, Reversed]) -> None:
    return None


class LedgerSettings(Settings, env_prefix="LEDGER_"):
    dsn: str = ""


wiring = Wiring()


class Books:
    async def book(self, matched: Matched, *, key: str) -> Posted:
        return Posted(entry=key)

    async def reverse(self, entry: str) -> None: ...


@wiring.provides(dependency="ledger", breaker="5 failures, 30s", rate="50/s", stand_in=Books)
async def ledger(settings: LedgerSettings) -> AsyncIterator[Ledger]:
    yield Books()


async def test_alone() -> Posted | Failure[Literal["model_down"]]:
    said: Extracted | Failure[Literal["rubric_fail"]] = extract(Turn(Receipt(lines=["1"])))
    assert isinstance(said, Extracted)
    return await post_entry(Turn(Matched(total=said.total, order=None)), Books())
