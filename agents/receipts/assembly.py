"""A reading put together: whatever found the total, the rest of the receipt is read alike."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .address import find_address
from .company import find_company
from .currency import find_currency
from .dates import find_date
from .entries import Ledger
from .figures import figures_of
from .layout import Row
from .reading import Evidence, Reading


def assemble(
    rows: Sequence[Row], ledger: Ledger, total: Decimal | None, confidence: float, evidence: Evidence
) -> Reading:
    """The reading of these rows with this total; the date's evidence is added to the total's."""
    date = find_date(rows)
    said: dict[str, str | int | float | bool | list[str] | None] = dict(evidence)
    if date is not None:
        said["date_row"] = date.words
        if date.month_first:
            said["date_month_first"] = True
    said["rows"] = len(rows)
    return Reading(
        company=find_company(rows),
        date=date.value if date else None,
        address=find_address(rows),
        total=total,
        currency=find_currency(ledger),
        confidence=confidence,
        figures=figures_of(ledger),
        evidence=said,
    )
