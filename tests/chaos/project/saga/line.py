"""The line's score: what time can mend is tried for minutes; a refused charge takes the case back."""

from rooms.agents.effects import Effects, note
from rooms.agents.line import charge, confirm, price, reserve, take_in
from rooms.agents.script import said
from rooms.contracts.line import Charged, Order, Priced, Reserved, Taken, TakenBack

from misstep import Choreography, Undo, compensate, dead_letter, retry

line = Choreography("line", starts=Order, deadline="15m", handoffs=1)

LONG = retry(90, first="100ms", cap="2s")

line.on(take_in, waive="nothing of its own can fail", latency_blow=LONG | dead_letter)
line.on(reserve, model_down=LONG | compensate, latency_blow=LONG | compensate)
line.on(price, model_down=LONG | compensate, latency_blow=LONG | compensate)
line.on(charge, compliance_fail=compensate, model_down=LONG | compensate, latency_blow=LONG | compensate)
line.on(confirm, rubric_fail=dead_letter, latency_blow=LONG | dead_letter)


@line.undo(take_in, tries=retry(3, first="50ms"))
async def throw_out(undo: Undo[Order, Taken]) -> TakenBack:
    """Closes the file."""
    note(undo.idempotency_key, "undo", "line", "take_in", undo.case_id)
    return TakenBack(key=undo.idempotency_key)


@line.undo(reserve, tries=retry(200, first="100ms", cap="2s"))
async def release(undo: Undo[Taken, Reserved], effects: Effects) -> TakenBack:
    """Gives the thing back."""
    if said(undo.input.script, "undo reserve", undo.attempt) == "raises":
        raise RuntimeError("the stock is closed, on purpose")
    await effects.write((undo.idempotency_key, "undo", "line", "reserve", undo.case_id))
    return TakenBack(key=undo.idempotency_key)


@line.undo(price, tries=retry(3, first="50ms"))
async def unprice(undo: Undo[Reserved, Priced]) -> TakenBack:
    """Strikes the price out."""
    if said(undo.input.script, "undo price", undo.attempt) == "raises":
        raise RuntimeError("the book is closed, on purpose")
    note(undo.idempotency_key, "undo", "line", "price", undo.case_id)
    return TakenBack(key=undo.idempotency_key)


@line.undo(charge, tries=retry(200, first="100ms", cap="2s"))
async def refund(undo: Undo[Priced, Charged], effects: Effects) -> TakenBack:
    """Gives the money back, if any was taken."""
    await effects.write((undo.idempotency_key, "undo", "line", "charge", undo.case_id))
    return TakenBack(key=undo.idempotency_key)
