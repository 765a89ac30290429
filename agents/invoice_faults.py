"""Faults on purpose, for the demo: which receipts meet a slow model or a register that is down. Seeded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

from rooms.agents.invoice_orders import Orders, PurchaseOrder

from misstep.errors import UsageError


@dataclass(frozen=True, slots=True)
class Faults:
    """What share a fault hits, 0 to 1, and the seed that chooses."""

    seed: int = 0
    slow: float = 0.0
    """The model takes longer than its budget for a receipt, every time; drawn by receipt id."""
    orders_down: float = 0.0
    """The register of purchase orders does not answer when asked for a supplier; drawn by name."""

    def hits(self, fault: str, name: str) -> bool:
        """Whether a fault hits what is called `name`; the same seed always says the same."""
        share: float = getattr(self, fault)
        drawn = hashlib.blake2b(f"{self.seed}/{fault}/{name}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < share * 2**64


def parse_faults(text: str) -> Faults:
    """Faults as INVOICE_FAULTS writes them: "seed=7,slow=0.05,orders_down=0.1". UsageError for anything else."""
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            given[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"INVOICE_FAULTS: {part!r} is not name=number, as in 'seed=7,slow=0.05'.") from None
    known = [field.name for field in fields(Faults)]
    for name, number in given.items():
        if name not in known:
            raise UsageError(f"INVOICE_FAULTS: there is no fault {name!r}; there are {', '.join(known)}.")
        if name != "seed" and not 0 <= number <= 1:
            raise UsageError(f"INVOICE_FAULTS: {name}={number:g} is no share; give one from 0 to 1.")
    return Faults(int(given.get("seed", 0)), given.get("slow", 0.0), given.get("orders_down", 0.0))


class FaultyOrders:
    """A register that is down for chosen companies."""

    def __init__(self, orders: Orders, faults: Faults) -> None:
        self._orders = orders
        self._faults = faults

    async def orders_like(self, company: str) -> Sequence[PurchaseOrder]:
        if self._faults.hits("orders_down", company):
            raise ConnectionError("the register of purchase orders does not answer (a fault on purpose)")
        return await self._orders.orders_like(company)
