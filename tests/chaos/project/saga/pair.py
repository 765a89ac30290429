"""The score of a case that forks and meets again."""

from rooms.agents.effects import Effects, note
from rooms.agents.pair import ask_bank, ask_register, decide, open_file, settle
from rooms.contracts.pair import Ask, Decided, FromBank, FromRegister, Opened, Settled, Withdrawn

from misstep import Choreography, Undo, compensate, dead_letter, escalate, retry

pair = Choreography("pair", starts=Ask, deadline="15m", handoffs=1)

LONG = retry(90, first="100ms", cap="2s")

pair.on(open_file, waive="nothing of its own can fail", latency_blow=LONG | dead_letter)
pair.on(ask_bank, fork="sides", rubric_fail=escalate, model_down=LONG | dead_letter, latency_blow=LONG | dead_letter)
pair.on(ask_register, fork="sides", compliance_fail=compensate, latency_blow=LONG | dead_letter)
pair.on(decide, model_down=LONG | dead_letter, latency_blow=LONG | dead_letter)
pair.on(settle, compliance_fail=compensate, model_down=LONG | compensate, latency_blow=LONG | compensate)


@pair.undo(open_file, tries=retry(3, first="50ms"))
async def unopen(undo: Undo[Ask, Opened]) -> Withdrawn:
    """Closes the file again."""
    note(undo.idempotency_key, "undo", "pair", "open_file", undo.case_id)
    return Withdrawn(key=undo.idempotency_key)


@pair.undo(ask_bank, tries=retry(200, first="100ms", cap="2s"))
async def unask_bank(undo: Undo[Opened, FromBank], effects: Effects) -> Withdrawn:
    """Takes the bank's question back."""
    await effects.write((undo.idempotency_key, "undo", "pair", "ask_bank", undo.case_id))
    return Withdrawn(key=undo.idempotency_key)


@pair.undo(ask_register, tries=retry(3, first="50ms"))
async def unask_register(undo: Undo[Opened, FromRegister]) -> Withdrawn:
    """Takes the register's question back."""
    note(undo.idempotency_key, "undo", "pair", "ask_register", undo.case_id)
    return Withdrawn(key=undo.idempotency_key)


@pair.undo(settle, tries=retry(200, first="100ms", cap="2s"))
async def unsettle(undo: Undo[Decided, Settled], effects: Effects) -> Withdrawn:
    """Opens again what was settled, if it was."""
    await effects.write((undo.idempotency_key, "undo", "pair", "settle", undo.case_id))
    return Withdrawn(key=undo.idempotency_key)
