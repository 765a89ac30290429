"""The score of `invoice`: who is asked next, and where every failure goes."""

from rooms.agents.invoice import extract, extract_fallback, match_order, notify, post_entry, validate, without_order
from rooms.agents.invoice_ledger import Ledger
from rooms.contracts.invoice import Matched, Posted, Receipt, Reversed

from misstep import Choreography, Undo, dead_letter, degrade, escalate, retry, to

invoice = Choreography("invoice", starts=Receipt, deadline="60s", handoffs=3, examples="examples/receipts.jsonl")

invoice.on(
    extract,
    rubric_fail=to(extract_fallback),
    latency_blow=retry(3, first="200ms") | to(extract_fallback),
)
invoice.on(
    extract_fallback,
    standby=True,
    waive="the last reader: what it cannot read, a person has to",
    rubric_fail=escalate,
    latency_blow=escalate,
)
invoice.on(
    validate,
    waive="a wrong posting is worse than an escalation, so whatever it does not trust goes to a person",
    rubric_fail=escalate,
    invariant_broken=escalate,
    latency_blow=retry(2, first="200ms") | escalate,
)
invoice.on(
    match_order,  # not critical: an entry without its order can be completed later
    model_down=degrade(without_order),
    latency_blow=degrade(without_order),
)
invoice.on(
    post_entry,  # its key makes a second try safe even where the first one did book
    model_down=retry(2, first="200ms") | dead_letter,
    latency_blow=retry(2, first="200ms") | dead_letter,
    invariant_broken=escalate,
)
invoice.on(
    notify,
    model_down=retry(3, first="200ms") | dead_letter,
    latency_blow=retry(3, first="200ms") | dead_letter,
)


@invoice.undo(post_entry)
async def reverse_entry(undo: Undo[Matched, Posted], ledger: Ledger) -> Reversed | None:
    """Cancels the entry by its opposite; None when nothing had been booked."""
    found = await ledger.reverse(undo.idempotency_key, reversing_key=f"{undo.idempotency_key}/undo")
    return None if found is None else Reversed(entry_id=found[0], reversing_entry_id=found[1])
