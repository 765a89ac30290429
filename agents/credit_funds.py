"""The money that is put aside for offers: each reserved once however often it is asked for, and released once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is put aside."""

    case_id: str
    application_id: str
    amount: Decimal
    """Euros."""


class Unreservable(Exception):
    """The key stands for another reservation, or for one that was released."""


class Funds(Protocol):
    """Puts money aside. Its methods raise ConnectionError when it cannot be reached."""

    async def reserve(self, reservation: Reservation, *, key: str) -> str:
        """The reservation's number; the same key always gets the same one. Raises Unreservable."""
        ...

    async def release(self, key: str) -> str | None:
        """Give back what is reserved under `key`: the reservation's number. None: there was none, and there will be
        none, because whoever is late with that key is refused.

        The same key always gets the same answer.
        """
        ...
