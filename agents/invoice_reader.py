"""The model behind `extract`: it reads a receipt's boxes and says how sure it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from rooms.agents.receipts import Reading, read_primary
from rooms.contracts.invoice import Receipt


class ReceiptReader(Protocol):
    """Reads receipts."""

    async def read_receipt(self, receipt: Receipt) -> Reading:
        """The reading; one without a total has total None and confidence 0."""
        ...


class PrimaryReader:
    """The production model: reads by the rows' words, in this process, in milliseconds."""

    async def read_receipt(self, receipt: Receipt) -> Reading:
        return read_primary(receipt.lines)


class SlowReader:
    """The same model having a bad day: for chosen receipts it takes far longer than anyone waits."""

    def __init__(self, is_slow: Callable[[str], bool], *, seconds: float = 30.0) -> None:
        """is_slow: by receipt id."""
        self._is_slow = is_slow
        self._seconds = seconds

    async def read_receipt(self, receipt: Receipt) -> Reading:
        if self._is_slow(receipt.receipt_id):
            await asyncio.sleep(self._seconds)
        return read_primary(receipt.lines)
