"""The credit register, in which every loan stands once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Loan:
    """What is entered."""

    case_id: str
    application_id: str
    amount: Decimal
    """Euros."""


class Refused(Exception):
    """The register has the application already, by another case; or the entry was taken out again."""


class CreditRegister(Protocol):
    """Enters loans. Its methods raise ConnectionError when it cannot be reached."""

    async def enter(self, loan: Loan, *, key: str) -> str:
        """The entry's number; the same key always gets the same one. Raises Refused."""
        ...

    async def withdraw(self, key: str) -> str | None:
        """Take out what was entered under `key`: the entry's number. None: nothing was, and nothing will be.

        The same key always gets the same answer.
        """
        ...
