"""The currency that a receipt states."""

from __future__ import annotations

import re
from collections import Counter

from .entries import Ledger

DEFAULT = "MYR"
_NAMED = re.compile(r"\b(MYR|RM|SGD|USD|EUR|GBP|IDR|THB)\b")


def find_currency(ledger: Ledger) -> str:
    """ISO 4217 code by what stands beside the amounts; MYR where nothing else is marked ($ alone says nothing)."""
    marks: Counter[str] = Counter()
    for row in ledger.rows:
        for amount in row.amounts:
            if amount.currency:
                marks[amount.currency] += 1
        for name in _NAMED.findall(row.text):
            marks["MYR" if name == "RM" else name] += 1
    if not marks or marks["MYR"]:
        return DEFAULT
    return marks.most_common(1)[0][0]
