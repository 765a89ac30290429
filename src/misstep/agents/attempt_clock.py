"""An attempt's time budget, which stands still while the turn queues for a dependency.

What waits in line for a rate, or for an open circuit where the agent says `pause`, is load and not slowness: it must
not become a `latency_blow`. The case's own deadline goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class AttemptClock:
    """The clock of one attempt that runs under an asyncio limit. Made on the event loop, asked from any thread."""

    __slots__ = ("_left_s", "_limit", "_loop", "_queued_s", "_since", "_waiting")

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._since = 0.0
        self._left_s: float | None = None
        self._queued_s = 0.0

    @property
    def queued_ms(self) -> float:
        """Time that does not count."""
        return self._queued_s * 1000

    @property
    def over(self) -> bool:
        """The attempt has run out of its time."""
        return self._limit.expired()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """While it lasts the time does not count. Several at once, of one turn, count as one."""
        self._on_loop(self._stop)
        try:
            yield
        finally:
            self._on_loop(self._go_on)

    def _on_loop(self, act: Callable[[], None]) -> None:
        if asyncio._get_running_loop() is self._loop:
            act()
        elif not self._loop.is_closed():  # at the end of the process what still waited is thrown away
            self._loop.call_soon_threadsafe(act)

    def _stop(self) -> None:
        self._waiting += 1
        if self._waiting > 1:
            return
        self._since = self._loop.time()
        if not self._limit.expired():
            when = self._limit.when()
            self._left_s = None if when is None else when - self._since
            self._limit.reschedule(None)

    def _go_on(self) -> None:
        self._waiting -= 1
        if self._waiting:
            return
        now = self._loop.time()
        self._queued_s += now - self._since
        if self._left_s is not None and not self._limit.expired() and not self._loop.is_closed():
            self._limit.reschedule(now + max(0.0, self._left_s))
