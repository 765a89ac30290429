"""The sums beside the total: subtotal, tax, discount, rounding, cash, change, and the items' amounts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .entries import Entry, Ledger
from .reading import Figures
from .wording import TOTALS, Label

TAX_RATES = tuple(Decimal(rate) for rate in ("0.06", "0.10", "0.05", "0.08"))
"""Malaysian GST (6 %), sales tax (5, 10 %) and service tax (6, 8 %)."""
_SEN = Decimal("0.01")
MAX_ITEMS = 200
MAX_PARTS = 5


def figures_of(ledger: Ledger) -> Figures:
    """Every figure that the receipt names, each by its last mention outside the table of taxes."""
    entries = [entry for entry in ledger.entries if not entry.in_tax_summary]
    subtotal = _last(entries, Label.SUBTOTAL)
    base, tax_in_table = tax_table(ledger)
    tax = _last(entries, Label.TAX)
    return Figures(
        subtotal=subtotal if subtotal is not None else _last(entries, Label.TOTAL_BEFORE_TAX),
        tax=_positive(tax if tax is not None else tax_in_table),
        discount=_positive(_last(entries, Label.DISCOUNT)),
        service=_positive(_last(entries, Label.SERVICE)),
        rounding=_last(entries, Label.ROUNDING),
        cash=_positive(_last(entries, Label.CASH)),
        change=_positive(_last(entries, Label.CHANGE)),
        taxed=base,
        parts=tuple(dict.fromkeys(e.amount.value for e in entries if e.label is Label.PART_TOTAL))[:MAX_PARTS],
        items=item_amounts(ledger),
    )


def item_amounts(ledger: Ledger) -> tuple[Decimal, ...]:
    """The last amount of each row above the first that names a sum: what the lines of the receipt come to."""
    first_sum = min(
        (entry.row for entry in ledger.entries if entry.label in _ENDS_ITEMS),
        default=1 << 30,
    )
    items: list[Decimal] = []
    for row in ledger.rows:
        if row.row >= first_sum or len(items) >= MAX_ITEMS:
            break
        if row.amounts[-1].exact:
            items.append(row.amounts[-1].value)
    return tuple(items)


_ENDS_ITEMS = TOTALS | {
    Label.SUBTOTAL,
    Label.TOTAL_BEFORE_TAX,
    Label.TOTAL_INCLUDES,
    Label.PART_TOTAL,
    Label.COUNT,
    Label.CASH,
    Label.SERVICE,
    Label.ROUNDING,
}


def tax_table(ledger: Ledger) -> tuple[Decimal | None, Decimal | None]:
    """Sum of the taxed amounts and sum of the taxes in the table at the foot; (None, None) without one."""
    rows: list[tuple[Decimal, Decimal]] = []
    for row in ledger.rows:
        if len(row.amounts) < 2:
            continue
        base, tax = row.amounts[0].value, row.amounts[1].value
        if base >= 0 and tax >= 0 and is_tax_of(tax, base) and (row.in_tax_summary or tax > 0):
            if "TOTAL" in row.text.upper() and rows:
                break  # the table's own sum
            rows.append((base, tax))
    if not rows:
        return None, None
    return sum((base for base, _ in rows), Decimal(0)), sum((tax for _, tax in rows), Decimal(0))


def is_tax_of(tax: Decimal, base: Decimal) -> bool:
    """Whether a sum is one of the known taxes on another, give or take a sen of rounding."""
    return tax == 0 or any(abs(tax - base * rate) <= 2 * _SEN for rate in TAX_RATES)


def is_tax_within(tax: Decimal, total: Decimal) -> bool:
    """Whether a sum is one of the known taxes contained in a total that includes it."""
    return any(abs(tax - total * rate / (1 + rate)) <= 5 * _SEN for rate in TAX_RATES)


def _last(entries: Sequence[Entry], label: Label) -> Decimal | None:
    values = [entry.amount.value for entry in entries if entry.label is label]
    return values[-1] if values else None


def _positive(value: Decimal | None) -> Decimal | None:
    return None if value is None else abs(value)
