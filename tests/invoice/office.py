"""All of the invoice workflow's stand-ins together, for tests that look into them afterwards."""

from rooms.agents.invoice_in_memory import InMemoryLedger, InMemoryOrders, InMemoryRemittances
from rooms.agents.invoice_reader import PrimaryReader


class Office:
    """They share nothing, and each keeps what it is asked to."""

    def __init__(self) -> None:
        self.reader = PrimaryReader()
        self.orders = InMemoryOrders()
        self.ledger = InMemoryLedger()
        self.remittances = InMemoryRemittances()

    @property
    def dependencies(self) -> list[object]:
        return [self.reader, self.orders, self.ledger, self.remittances]
