"""Remittance notes: what the supplier is told once its receipt is booked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rooms.contracts.invoice import Posted


@dataclass(frozen=True, slots=True)
class Note:
    """One note to one supplier about one entry."""

    case_id: str
    entry_id: str
    supplier: str | None
    text: str


class Remittances(Protocol):
    """Keeps notes until they are sent."""

    async def write(self, note: Note, *, key: str) -> str:
        """The note's number; the same key always gets the same one. ConnectionError when it cannot be reached."""
        ...


def text_of(posted: Posted) -> str:
    """What the supplier reads."""
    dated = f" of {posted.purchased_on:%d %B %Y}" if posted.purchased_on else ""
    order = f" under order {posted.order_number}" if posted.order_number else ""
    return (
        f"{posted.company or 'Dear supplier'}: your receipt {posted.receipt_id}{dated} over {posted.currency} "
        f"{posted.total} is booked{order} as entry {posted.entry_id} and will be paid with the next run."
    )
