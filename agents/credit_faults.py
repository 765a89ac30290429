"""Faults on purpose, for drills and tests: which applications meet a service that is down. Seeded."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, fields

from rooms.agents.credit_funds import Funds, Reservation
from rooms.agents.credit_register import CreditRegister, Loan
from rooms.agents.credit_scoring import ScoringModel
from rooms.contracts.credit import File

from misstep.errors import UsageError


@dataclass(frozen=True, slots=True)
class Faults:
    """What share of the applications a fault hits, 0 to 1, and the seed that chooses."""

    seed: int = 0
    scorer_down: float = 0.0
    """The scoring model does not answer."""
    scorer_slow: float = 0.0
    """It takes longer than anyone waits."""
    funds_lost: float = 0.0
    """The money is put aside, and the answer is lost on its way back."""
    register_down: float = 0.0
    """The credit register does not answer."""
    register_lost: float = 0.0
    """The loan is entered, and the answer is lost on its way back."""

    def hits(self, fault: str, application_id: str) -> bool:
        """Whether a fault hits an application; the same seed always says the same."""
        share: float = getattr(self, fault)
        drawn = hashlib.blake2b(f"{self.seed}/{fault}/{application_id}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < share * 2**64


def parse_faults(text: str) -> Faults:
    """Faults as CREDIT_FAULTS writes them: "seed=7,scorer_down=0.1". UsageError for anything else."""
    given: dict[str, float] = {}
    known = [field.name for field in fields(Faults)]
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            number = given[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"CREDIT_FAULTS: {part!r} is not name=number, as in 'seed=7,scorer_down=0.1'.") from None
        if name.strip() not in known:
            raise UsageError(f"CREDIT_FAULTS: there is no fault {name.strip()!r}; there are {', '.join(known)}.")
        if name.strip() != "seed" and not 0 <= number <= 1:
            raise UsageError(f"CREDIT_FAULTS: {part} is no share; give one from 0 to 1.")
    return Faults(**{**given, "seed": int(given.get("seed", 0))})  # type: ignore[arg-type]


class FaultyScorer:
    """A model that is down or slow for chosen applications."""

    def __init__(self, model: ScoringModel, faults: Faults, *, slow_s: float = 30.0) -> None:
        self._model = model
        self._faults = faults
        self._slow_s = slow_s

    async def points(self, file: File) -> dict[str, int]:
        if self._faults.hits("scorer_down", file.application_id):
            raise ConnectionError("the scoring model does not answer (a fault on purpose)")
        if self._faults.hits("scorer_slow", file.application_id):
            await asyncio.sleep(self._slow_s)
        return await self._model.points(file)


class FaultyFunds:
    """Funds that put the money aside and do not say so."""

    def __init__(self, funds: Funds, faults: Faults) -> None:
        self._funds = funds
        self._faults = faults

    async def reserve(self, reservation: Reservation, *, key: str) -> str:
        number = await self._funds.reserve(reservation, key=key)
        if self._faults.hits("funds_lost", reservation.application_id):
            raise ConnectionError("the connection was lost while the money was put aside (a fault on purpose)")
        return number

    async def release(self, key: str) -> str | None:
        return await self._funds.release(key)


class FaultyRegister:
    """A register that is down for chosen applications, or enters them and does not say so."""

    def __init__(self, entries: CreditRegister, faults: Faults) -> None:
        self._entries = entries
        self._faults = faults

    async def enter(self, loan: Loan, *, key: str) -> str:
        if self._faults.hits("register_down", loan.application_id):
            raise ConnectionError("the credit register does not answer (a fault on purpose)")
        number = await self._entries.enter(loan, key=key)
        if self._faults.hits("register_lost", loan.application_id):
            raise ConnectionError("the connection was lost while the loan was entered (a fault on purpose)")
        return number

    async def withdraw(self, key: str) -> str | None:
        return await self._entries.withdraw(key)
