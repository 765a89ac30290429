"""The first method: the total by layout and words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .assembly import assemble
from .entries import ledger_of
from .layout import rows_of
from .reading import Evidence, Reading
from .total import find_total

_MOST_RUNNERS_UP = 4


def read_primary(lines: Iterable[Any]) -> Reading:
    """Reads a receipt by its rows' words. `lines` as for `rows_of`.

    Never raises; a receipt on which no row names a total has total None and confidence 0. The evidence names the row
    that the total stands on, the runners-up with why each was passed over, and what lowered the confidence.
    """
    rows = rows_of(lines)
    ledger = ledger_of(rows)
    found = find_total(ledger)
    if found is None:
        return assemble(rows, ledger, None, 0.0, {"method": "primary", "why": "no row names a total"})
    evidence: Evidence = {
        "method": "primary",
        "row": rows[found.entry.row].text[:120],
        "row_at": found.entry.row,
        "label": found.entry.label.value,
        "runners_up": [
            f"{entry.amount.value} {entry.label.value}: {why}" for entry, why in found.runners_up[:_MOST_RUNNERS_UP]
        ],
        "doubts": list(found.doubts),
    }
    return assemble(rows, ledger, found.value, found.confidence, evidence)
