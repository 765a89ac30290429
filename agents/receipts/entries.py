"""The labelled amounts of a receipt, in the order in which they were printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .amounts import Amount, amounts_in
from .layout import Row
from .wording import TOTALS, Label, close_gaps, label_of, opens_tax_summary

_BARE_NUMBER = re.compile(r"(?<![\w.,@%*/-])\d{1,4}(?![\w.,%*/-])")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_SAYS = re.compile(r"(?!RM\b)[A-Za-z0-9@*]+")
_TORN = re.compile(r"[0-9]\s?[.,]\s?[0-9]?\s*$|[.,]\s?[0-9]{1,2}\s*$")
"""A number at a row's end that lost digits ("25. 0"): the sum was there, so none may be borrowed."""
_MOST_ROUNDING = Decimal("0.10")
_SUMMARY_ROWS = 10
"""A table of taxes is not longer than this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An amount and what the words beside it call it."""

    label: Label
    amount: Amount
    row: int
    words: str
    in_tax_summary: bool
    borrowed: bool = False
    """The amount stands on the row above or below its words."""


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """A row with its amounts, whatever it says."""

    row: int
    text: str
    amounts: tuple[Amount, ...]
    in_tax_summary: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything on a receipt that has to do with money."""

    rows: tuple[MoneyRow, ...]
    entries: tuple[Entry, ...]


def ledger_of(rows: Sequence[Row]) -> Ledger:
    """Reads every row's amounts and gives each the label of the words before it.

    A row of words without an amount borrows that of a row beside it that has no words ("ROUNDING" above "RM0.02").
    Amounts in the table of taxes are marked: its "TOTAL" is not what was paid.
    """
    read: list[MoneyRow] = []
    entries: list[Entry] = []
    wordless: dict[int, Amount] = {}
    waiting: list[tuple[int, Label, str]] = []
    summary_until = -1
    seen_total = False
    for at, row in enumerate(rows):
        text = row.text
        amounts = amounts_in(text)
        if not amounts:
            says_summary = opens_tax_summary(text)
            if says_summary and (seen_total or "SUMM" in text.upper() or "ANALYS" in text.upper()):
                summary_until = at + _SUMMARY_ROWS
            label = label_of(text)
            if label not in _NEVER_BORROW and not says_summary and not _TORN.search(text):
                waiting.append((at, label, text))
            continue
        own = _entries_of(at, text, amounts, at <= summary_until)
        if own and own[-1].label in _ENDS_SUMMARY and at <= summary_until:
            summary_until = -1
            own = _entries_of(at, text, amounts, False)
        entries.extend(own)
        seen_total = seen_total or any(entry.label in TOTALS for entry in own)
        read.append(MoneyRow(at, text, amounts, at <= summary_until))
        if not _SAYS.search(_without(text, amounts)) and len({amount.value for amount in amounts}) == 1:
            wordless[at] = amounts[-1]
    for at, label, text in waiting:
        beside = [near for near in (at + 1, at - 1) if near in wordless]
        if beside:
            near = min(beside, key=lambda other: abs(_gap(rows, at, other)))
            amount = wordless.pop(near)
            entries.append(Entry(label, amount, at, text, in_tax_summary=False, borrowed=True))
    entries.extend(_unnamed_rounded(entries, wordless))
    entries.sort(key=lambda entry: entry.row)
    return Ledger(tuple(read), tuple(entries))


_NEVER_BORROW = frozenset({Label.NONE, Label.AMOUNT, Label.COUNT, Label.SAVING, Label.PART_TOTAL, Label.TOTAL_INCLUDES})
_ENDS_SUMMARY = frozenset(
    {Label.CASH, Label.CHANGE, Label.ROUNDING, Label.GRAND_TOTAL, Label.ROUNDED_TOTAL, Label.SUBTOTAL}
)


def _unnamed_rounded(entries: Sequence[Entry], wordless: Mapping[int, Amount]) -> list[Entry]:
    """A sum without words right below a rounding, which is what a total above comes to with it."""
    found: list[Entry] = []
    for rounding in entries:
        after = wordless.get(rounding.row + 1)
        if rounding.label is not Label.ROUNDING or after is None:
            continue
        sums = {entry.amount.value for entry in entries if entry.label in TOTALS and entry.row < rounding.row}
        if sums & {after.value - rounding.amount.value, after.value + rounding.amount.value}:
            found.append(Entry(Label.ROUNDED_TOTAL, after, rounding.row + 1, "", in_tax_summary=False))
    return found


def _entries_of(at: int, text: str, amounts: tuple[Amount, ...], in_summary: bool) -> list[Entry]:
    found: list[Entry] = []
    before = 0
    for amount in amounts:
        words = text[before : amount.start]
        before = amount.end
        if not _LETTERS.search(close_gaps(words)):
            if found and found[-1].label not in {Label.NONE, Label.COUNT}:
                # "TOTAL 94.51 5.39" is a row of the tax table; "TOTAL 5 11.60" is not.
                in_table = in_summary or (found[-1].label in TOTALS and amount.exact)
                found[-1] = Entry(found[-1].label, found[-1].amount, at, found[-1].words, in_table)
            if found:
                found.append(Entry(found[-1].label, amount, at, found[-1].words, found[-1].in_tax_summary))
            continue
        label = label_of(_last_saying(words))
        if label is Label.ROUNDING and abs(amount.value) > _MOST_ROUNDING:
            label = Label.ROUNDED_TOTAL  # "ROUNDING 45.35": the sum after rounding, not what it took
        found.append(Entry(label, amount, at, words.strip(" :|"), in_summary))
    return found


def _last_saying(words: str) -> str:
    """ "TYPE: 2 TOTAL" says TOTAL: a bare number ends what came before it, when words follow."""
    for number in reversed(list(_BARE_NUMBER.finditer(words))):
        rest = words[number.end() :]
        if _LETTERS.search(rest) and label_of(rest) is not Label.NONE:
            return rest
    return words


def _without(text: str, amounts: tuple[Amount, ...]) -> str:
    kept, before = [], 0
    for amount in amounts:
        kept.append(text[before : amount.start])
        before = amount.end
    return " ".join([*kept, text[before:]])


def _gap(rows: Sequence[Row], one: int, other: int) -> float:
    upper, lower = sorted((one, other))
    return rows[lower].top - rows[upper].bottom
