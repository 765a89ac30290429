"""The ledger: balanced entries, each booked once however often it is asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

PAYABLE = "2100 suppliers payable"
INPUT_TAX = "1400 input tax"
ORDERED = "5000 purchases under order"
UNORDERED = "5900 purchases without order"


@dataclass(frozen=True, slots=True)
class Line:
    """One side of an entry: debits positive, credits negative."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be booked. Its lines come to zero."""

    case_id: str
    document: str
    supplier: str | None
    order_number: str | None
    purchased_on: dt.date | None
    currency: str
    lines: Sequence[Line]


class Unbookable(Exception):
    """The ledger refuses an entry: it does not balance, or its key stands for another one already."""


class Ledger(Protocol):
    """Books entries. Its methods raise ConnectionError when it cannot be reached."""

    async def book(self, entry: Entry, *, key: str) -> str:
        """The number of the entry; the same key always gets the same one. Raises Unbookable."""
        ...

    async def reverse(self, key: str, *, reversing_key: str) -> tuple[str, str] | None:
        """Cancel the entry booked under `key` by its opposite: (its number, the opposite's). None: nothing was booked.

        The same key always gets the same answer.
        """
        ...


def lines_of(total: Decimal, tax: Decimal | None, *, ordered: bool) -> tuple[Line, ...]:
    """A purchase on account: what it cost and the tax to be claimed back against what the supplier is owed."""
    cost = ORDERED if ordered else UNORDERED
    if tax is None or not 0 < tax < total:
        return (Line(cost, total), Line(PAYABLE, -total))
    return (Line(cost, total - tax), Line(INPUT_TAX, tax), Line(PAYABLE, -total))
