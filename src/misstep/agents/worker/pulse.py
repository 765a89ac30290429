"""Is the event loop alive? An `async` function that blocks holds up every other one, and no time-out can end it."""

from __future__ import annotations

import asyncio
import time


class TurnStuck(Exception):
    """A turn holds its thread up for longer than it can be meant to; only a new process is rid of it."""


class Pulse:
    """Asks the loop for a sign of life whenever somebody looks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asked: float | None = None
        """Since when an answer has been due (monotonic)."""

    def missing_s(self) -> float:
        """For how long the loop has not answered; 0.0: it has."""
        asked = self._asked
        if asked is not None:
            return time.monotonic() - asked
        self._asked = time.monotonic()
        self._loop.call_soon_threadsafe(self._answer)
        return 0.0

    def _answer(self) -> None:
        self._asked = None
