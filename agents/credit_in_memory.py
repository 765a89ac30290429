"""The workflow's dependencies in memory, for rehearsals: they keep what they are asked to, and can be down."""

from __future__ import annotations

from decimal import Decimal

from rooms.agents.credit_funds import Reservation, Unreservable
from rooms.agents.credit_register import Loan, Refused


class CanBeDown:
    """Something that does not answer while it is `down`."""

    def __init__(self) -> None:
        self.down = False

    def answer(self) -> None:
        if self.down:
            raise ConnectionRefusedError("nobody listens there")


class InMemoryFunds(CanBeDown):
    """`Funds` of reservations by their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.reservations: dict[str, Reservation] = {}
        self.released: set[str] = set()

    @property
    def reserved(self) -> Decimal:
        """Euros that are put aside now."""
        return sum((one.amount for key, one in self.reservations.items() if key not in self.released), Decimal(0))

    async def reserve(self, reservation: Reservation, *, key: str) -> str:
        self.answer()
        if key in self.released:
            raise Unreservable(f"what was reserved by the key {key} was released")
        if self.reservations.setdefault(key, reservation) != reservation:
            raise Unreservable(f"the key {key} stands for another reservation")
        return str(list(self.reservations).index(key) + 1)

    async def release(self, key: str) -> str | None:
        self.answer()
        self.released.add(key)
        return str(list(self.reservations).index(key) + 1) if key in self.reservations else None


class InMemoryRegister(CanBeDown):
    """A `CreditRegister` of loans by their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.loans: dict[str, Loan] = {}
        self.withdrawn: set[str] = set()

    async def enter(self, loan: Loan, *, key: str) -> str:
        self.answer()
        if key in self.withdrawn:
            raise Refused(f"the entry of the key {key} was taken out")
        for other, entered in self.loans.items():
            if other not in self.withdrawn and other != key and entered.application_id == loan.application_id:
                raise Refused(f"application {loan.application_id} stands there already, by case {entered.case_id}")
        self.loans.setdefault(key, loan)
        return str(list(self.loans).index(key) + 1)

    async def withdraw(self, key: str) -> str | None:
        self.answer()
        self.withdrawn.add(key)
        return str(list(self.loans).index(key) + 1) if key in self.loans else None
