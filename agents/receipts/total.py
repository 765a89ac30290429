"""The grand total by layout and words: which of the rows that call themselves a total states what was paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .entries import Entry, Ledger
from .figures import is_tax_within
from .wording import TOTALS, Label

ROUNDING_STEP = Decimal("0.05")
"""Malaysian tills round what is paid in cash to five sen (Bank Negara, 2008)."""

_RANK: dict[Label, int] = {
    Label.ROUNDED_TOTAL: 5,
    Label.GRAND_TOTAL: 4,
    Label.TOTAL_WITH_TAX: 3,
    Label.TOTAL: 3,
    Label.TOTAL_OF_SOMETHING: 2,
    Label.TOTAL_INCLUDES: 2,
    Label.SUBTOTAL: 1,
    Label.AMOUNT: 1,
    Label.COUNT: 0,
    Label.CASH: 0,
    Label.TOTAL_BEFORE_TAX: 0,
}
_BASE: dict[Label, float] = {
    Label.ROUNDED_TOTAL: 0.97,
    Label.GRAND_TOTAL: 0.96,
    Label.TOTAL_WITH_TAX: 0.96,
    Label.TOTAL: 0.95,
    Label.TOTAL_OF_SOMETHING: 0.75,
    Label.TOTAL_INCLUDES: 0.75,
    Label.SUBTOTAL: 0.80,
    Label.AMOUNT: 0.50,
    Label.COUNT: 0.50,
    Label.CASH: 0.40,
    Label.TOTAL_BEFORE_TAX: 0.35,
}


@dataclass(frozen=True, slots=True)
class FoundTotal:
    """The total, how sure its words and place make it, and what else could have been it."""

    value: Decimal
    confidence: float
    entry: Entry
    runners_up: tuple[tuple[Entry, str], ...]
    """Other entries that call themselves totals, each with why it was passed over."""
    doubts: tuple[str, ...]


def find_total(ledger: Ledger) -> FoundTotal | None:
    """The entry that states what was to be paid, or None when no row says so.

    The strongest name wins (a rounded total over a grand total over a total over a subtotal); among equals the last
    before the money changes hands. A plain total printed after a rounding outdoes a grand total printed before it.
    """
    candidates = [entry for entry in ledger.entries if entry.label in _RANK and _may_be_paid(entry)]
    if not candidates:
        return None
    paid_at = _paid_at(ledger.entries)
    best = max(candidates, key=lambda entry: _preference(entry, paid_at, ledger.entries))
    return _weigh(best, candidates, ledger.entries, paid_at)


def _may_be_paid(entry: Entry) -> bool:
    if entry.in_tax_summary or entry.amount.value <= 0:
        return entry.label is Label.CASH and entry.amount.value != 0 and not entry.in_tax_summary
    return True


def _paid_at(entries: Sequence[Entry]) -> int:
    """The row where change is given, or cash when there is no change; totals after it are of something else."""
    for label in (Label.CHANGE, Label.CASH):
        rows = [entry.row for entry in entries if entry.label is label]
        if rows:
            return rows[-1]
    return 1 << 30


def _preference(entry: Entry, paid_at: int, entries: Sequence[Entry]) -> tuple[int, int, int, int]:
    rank = _RANK[entry.label]
    if entry.label in TOTALS and _follows_rounding(entry, entries):
        rank = _RANK[Label.ROUNDED_TOTAL]
    return (rank >= 3 and entry.row < paid_at, rank, entry.row, int(entry.amount.exact))


def _follows_rounding(entry: Entry, entries: Sequence[Entry]) -> bool:
    return any(other.label is Label.ROUNDING and 0 < entry.row - other.row <= 2 for other in entries)


def _weigh(best: Entry, candidates: Sequence[Entry], entries: Sequence[Entry], paid_at: int) -> FoundTotal:
    confidence = _BASE[best.label]
    doubts: list[str] = []

    def doubt(why: str, factor: float) -> None:
        nonlocal confidence
        confidence *= factor
        doubts.append(why)

    value = abs(best.amount.value)
    if not best.amount.exact:
        doubt("not printed with two decimals", 0.6)
    if best.amount.mended:
        doubt("letters or gaps in the number", 0.85)
    if best.borrowed:
        doubt("the amount stands on another row than its words", 0.9)
    if best.row > paid_at:
        doubt("it stands below the payment", 0.85)
    if value < Decimal("0.50") or value > 5000:
        doubt("an unusual sum", 0.7)

    runners: list[tuple[Entry, str]] = []
    agreeing = 0
    for other in candidates:
        if other is best or other.label not in TOTALS | {Label.SUBTOTAL, Label.TOTAL_INCLUDES}:
            continue
        if other.amount.value == value:
            agreeing += 1
            continue
        why = _passed_over(other, best, entries)
        runners.append((other, why))
        if why == _UNEXPLAINED:
            doubt(f"another total says {other.amount.value}", 0.6 if other.label in TOTALS else 0.85)
    if agreeing:
        confidence = 1 - (1 - confidence) * 0.5
    return FoundTotal(value, round(confidence, 4), best, tuple(runners), tuple(doubts))


_UNEXPLAINED = "unexplained"


def _passed_over(other: Entry, best: Entry, entries: Sequence[Entry]) -> str:
    """Why another total-like entry is not the one."""
    if other.label is Label.TOTAL_INCLUDES and is_tax_within(other.amount.value, best.amount.value):
        return "the tax within"
    difference = best.amount.value - other.amount.value
    if abs(difference) < ROUNDING_STEP:
        stated = any(entry.label is Label.ROUNDING for entry in entries)
        return "before rounding" if stated or best.amount.value % ROUNDING_STEP == 0 else _UNEXPLAINED
    steps = {
        Label.TAX: "before tax",
        Label.SERVICE: "before service charge",
        Label.DISCOUNT: "before a discount",
        Label.SAVING: "before a discount",
    }
    # One of the sums stated between the two, or tax and service together, makes up the difference.
    stated_sums = [(abs(e.amount.value), steps[e.label]) for e in entries if e.label in steps and not e.in_tax_summary]
    for amount, why in stated_sums:
        if abs(abs(difference) - amount) <= ROUNDING_STEP:
            return why
    added = sum((amount for amount, why in stated_sums if why != "before a discount"), Decimal(0))
    if stated_sums and abs(difference - added) <= ROUNDING_STEP:
        return "before tax and service charge"
    return _UNEXPLAINED
