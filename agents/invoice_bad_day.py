"""A bad day for the invoice workflow, for the drill `success-rate`: drawn from a seed by receipt, agent and attempt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from rooms.agents.receipts import read_primary
from rooms.contracts.invoice import Receipt, Validated

from misstep import Turn
from misstep.testing.faults import drawn


@dataclass(frozen=True, slots=True)
class BadDay:
    """What goes wrong, and how often."""

    seed: int
    quickest_s: float = 0.4
    slowest_s: float = 1.2
    """The model behind `extract` takes this long for a receipt, evenly spread."""
    doubted: float = 0.8
    """So many times the reader's own doubt (1 - its confidence) is how likely it times out: poor scans more often."""
    register_down: float = 0.08
    """Share of the receipts for which the register of purchase orders is down, however often it is asked."""

    def times_out(self, receipt: Receipt, attempt: int) -> bool:
        """Whether the model answers too late, at this attempt."""
        doubt = 1 - read_primary(receipt.lines).confidence
        return drawn(self.seed, "times out", receipt.receipt_id, attempt) < self.doubted * doubt

    def is_down(self, receipt_id: str) -> bool:
        """Whether the register does not answer."""
        return drawn(self.seed, "register", receipt_id) < self.register_down

    async def reading(self, turn: Turn[Receipt]) -> None:
        """Before each attempt of `extract`."""
        if self.times_out(turn.payload, turn.attempt):
            await asyncio.sleep(60)  # far over any budget
        span_s = self.slowest_s - self.quickest_s
        await asyncio.sleep(self.quickest_s + span_s * drawn(self.seed, "takes", turn.payload.receipt_id))

    def matching(self, turn: Turn[Validated]) -> None:
        """Before each attempt of `match_exactly`."""
        if self.is_down(turn.payload.receipt_id):
            raise turn.fail("model_down", "the register of purchase orders does not answer (a fault on purpose)")
