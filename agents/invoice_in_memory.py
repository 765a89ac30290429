"""The workflow's dependencies in memory, for rehearsals: they keep what they are asked to, and can be down."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rooms.agents.invoice_ledger import Entry, Unbookable
from rooms.agents.invoice_orders import PurchaseOrder
from rooms.agents.invoice_remittances import Note


class CanBeDown:
    """Something that does not answer while it is `down`."""

    def __init__(self) -> None:
        self.down = False

    def answer(self) -> None:
        if self.down:
            raise ConnectionRefusedError("nobody listens there")


class InMemoryOrders(CanBeDown):
    """An `Orders` that knows all its orders by heart."""

    def __init__(self, orders: Sequence[PurchaseOrder] = ()) -> None:
        super().__init__()
        self.orders = orders

    async def orders_like(self, company: str) -> Sequence[PurchaseOrder]:
        self.answer()
        return self.orders


class InMemoryLedger(CanBeDown):
    """A `Ledger` of entries by their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, Entry] = {}

    async def book(self, entry: Entry, *, key: str) -> str:
        self.answer()
        if sum((line.amount for line in entry.lines), Decimal(0)):
            raise Unbookable("the entry does not balance")
        if self.entries.setdefault(key, entry) != entry:
            raise Unbookable(f"the key {key} stands for another entry")
        return str(list(self.entries).index(key) + 1)

    async def reverse(self, key: str, *, reversing_key: str) -> tuple[str, str] | None:
        self.answer()
        if key not in self.entries:
            return None
        self.entries.setdefault(reversing_key, self.entries[key])
        keys = list(self.entries)
        return str(keys.index(key) + 1), str(keys.index(reversing_key) + 1)


class InMemoryRemittances(CanBeDown):
    """A `Remittances` of notes by their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, Note] = {}

    async def write(self, note: Note, *, key: str) -> str:
        self.answer()
        self.notes.setdefault(key, note)
        return str(list(self.notes).index(key) + 1)
