"""The total by agreement alone: what the sums of a receipt point to, whatever its rows call themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .assembly import assemble
from .entries import Ledger, ledger_of
from .figures import tax_table
from .layout import rows_of
from .reading import Evidence, Reading
from .wording import Label

_STEP = Decimal("0.05")
_MOST_ROWS = 150
"""Rows of money looked at: every pair of them is tried."""
_WEIGHT = {
    "cash less change": 3.0,
    "a row is the difference of the two below": 2.0,
    "paid in full": 1.5,
    "tax table": 2.5,
    "items": 2.0,
    "one item": 1.0,
    "printed again": 0.6,
    "after rounding": 1.2,
}


@dataclass(frozen=True, slots=True)
class AgreedTotal:
    """The sum that most ways of reckoning point to."""

    value: Decimal
    confidence: float
    ways: tuple[str, ...]
    runner_up: Decimal | None


def agree_on_total(ledger: Ledger) -> AgreedTotal | None:
    """The amount on the receipt that its own arithmetic singles out; None when fewer than two ways meet.

    Never looks at which row is called a total. It knows cash and change by their words, everything else by its value:
    a row that is the difference of the two below it, a tax with what it was reckoned on, lines that add up to a later
    amount, amounts printed again, a small difference that makes a sum payable in coins.
    """
    rows = [row for row in ledger.rows[:_MOST_ROWS] if any(amount.exact for amount in row.amounts)]
    votes: dict[Decimal, set[str]] = defaultdict(set)
    on_paper = Counter(
        value for row in rows for value in {amount.value for amount in row.amounts if amount.exact and amount.value > 0}
    )
    last = [row.amounts[-1].value for row in rows]
    tendered = _vote_payment(ledger, last, on_paper, votes)
    _vote_tax(ledger, on_paper, votes)
    addends = _vote_items(last, votes)
    for value, seen in on_paper.items():
        if seen > 1:
            votes[value].add("printed again")
    _vote_rounding(last, on_paper, votes)
    return _elect(votes, on_paper, tendered, addends)


def _vote_payment(
    ledger: Ledger, last: Sequence[Decimal], on_paper: Counter[Decimal], votes: dict[Decimal, set[str]]
) -> set[Decimal]:
    """Cash less change; returns the sums that were handed over, which are not the total unless paid in full."""
    tendered: set[Decimal] = set()
    cash = [abs(entry.amount.value) for entry in ledger.entries if entry.label is Label.CASH and entry.amount.exact]
    change = [abs(entry.amount.value) for entry in ledger.entries if entry.label is Label.CHANGE and entry.amount.exact]
    if cash and change:
        paid = cash[-1] - change[-1]
        for value in _near_on_paper(paid, on_paper):
            votes[value].add("cash less change")
        if change[-1] > 0:
            tendered.add(cash[-1])
    elif cash and on_paper[cash[-1]] > 1:
        votes[cash[-1]].add("paid in full")
    for total, given, back in zip(last, last[1:], last[2:], strict=False):
        if total > 0 and back >= 0 and abs(given) - back == total and abs(given) >= total:
            votes[total].add("a row is the difference of the two below")
            if back > 0:
                tendered.add(abs(given))
    return tendered


def _vote_tax(ledger: Ledger, on_paper: Counter[Decimal], votes: dict[Decimal, set[str]]) -> None:
    base, tax = tax_table(ledger)
    if base is None or tax is None:
        return
    for value in _near_on_paper(base + tax, on_paper):
        votes[value].add("tax table")


def _vote_items(last: Sequence[Decimal], votes: dict[Decimal, set[str]]) -> dict[Decimal, Decimal]:
    """A run of rows whose amounts add up to one of the next three rows' amounts; returns what was added to what."""
    addends: dict[Decimal, Decimal] = {}
    for start in range(min(len(last), 40)):
        running = Decimal(0)
        for at in range(start, len(last) - 1):
            running += last[at]
            if running and at > start and running in last[at + 1 : at + 4]:
                votes[running].add("items")
                addends.update({part: running for part in last[start : at + 1] if part > 0 and part != running})
        if last[start] > 0 and last[start] in last[start + 1 : start + 3]:
            votes[last[start]].add("one item")
    return addends


def _vote_rounding(last: Sequence[Decimal], on_paper: Counter[Decimal], votes: dict[Decimal, set[str]]) -> None:
    """What is left of a sum after a few sen were taken off or put on has the votes of that sum too."""
    for at, rounding in enumerate(last):
        if not 0 < abs(rounding) < _STEP:
            continue
        for before in last[max(0, at - 3) : at]:
            for after in (before + rounding, before - rounding):
                if after in on_paper and after % _STEP == 0 and before % _STEP != 0 and after in last[at + 1 : at + 4]:
                    votes[after] |= votes[before] - {"printed again"}
                    votes[after].add("after rounding")


def _elect(
    votes: dict[Decimal, set[str]],
    on_paper: Counter[Decimal],
    tendered: set[Decimal],
    addends: dict[Decimal, Decimal],
) -> AgreedTotal | None:
    scores: list[tuple[float, int, Decimal]] = []
    for value, ways in votes.items():
        score = sum(_WEIGHT[way] for way in ways) + 0.3 * min(on_paper[value] - 1, 3)
        if value in tendered and "cash less change" not in ways:
            score -= 3.0
        if value in addends and not ways & {"cash less change", "tax table"}:
            score -= 1.5  # a part of a larger sum: an item, a subtotal before tax
        scores.append((score, on_paper[value], value))
    scores.sort(reverse=True)
    if not scores or scores[0][0] < 1.5:
        return None
    best, _, value = scores[0]
    if value <= 0:
        return None  # goods taken back: the sums agree on a refund, and that is not for a machine to post
    second, _, other = scores[1] if len(scores) > 1 else (0.0, 0, None)
    agreed = tuple(sorted(votes[value]))
    return AgreedTotal(value, _confidence(best, best - max(second, 0.0), len(agreed)), agreed, other)


def _confidence(score: float, lead: float, ways: int) -> float:
    most = 0.98 if ways > 1 else 0.8  # one way alone may be a coincidence
    return round(max(0.05, min(most, 0.35 + 0.07 * score + 0.08 * min(lead, 3.0))), 4)


def _near_on_paper(wanted: Decimal, on_paper: Counter[Decimal]) -> list[Decimal]:
    """The amount itself where it is printed; else printed ones within cash rounding of it."""
    if wanted in on_paper:
        return [wanted]
    return [value for value in on_paper if abs(value - wanted) < _STEP]


def read_by_consensus(lines: Iterable[Any]) -> Reading:
    """Reads a receipt by agreement among its sums: the second method, for what `read_primary` is not sure of.

    `lines` as for `rows_of`. Never raises; a receipt whose sums agree on nothing has total None and confidence 0.
    """
    rows = rows_of(lines)
    ledger = ledger_of(rows)
    agreed = agree_on_total(ledger)
    if agreed is None:
        return assemble(rows, ledger, None, 0.0, {"method": "consensus", "why": "no sums agree"})
    evidence: Evidence = {
        "method": "consensus",
        "ways": list(agreed.ways),
        "runner_up": None if agreed.runner_up is None else str(agreed.runner_up),
    }
    return assemble(rows, ledger, agreed.value, agreed.confidence, evidence)
