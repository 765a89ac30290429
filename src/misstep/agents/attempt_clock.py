"""An attempt's time budget, which stands still while the turn queues for a dependency.

What waits in line for a rate, or for an open circuit where the agent says `pause`, is load and not slowness: it must
not become a `latency_blow`. The case's own deadline goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class AttemptClock:
    """The clock of one attempt: its asyncio limit, if it has one, and how long it has queued."""

    def __init__(self, limit: asyncio.Timeout | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._limit = limit
        self._clock = clock
        self._loop = asyncio.get_running_loop() if limit is not None else None
        self._lock = threading.Lock()
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
        return self._limit is not None and self._limit.expired()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """While it lasts the time does not count. Several at once, of one turn, count as one. From any thread."""
        self._on_loop(self._stop)
        try:
            yield
        finally:
            self._on_loop(self._go_on)

    def _on_loop(self, act: Callable[[], None]) -> None:
        if self._loop is None or _running_loop() is self._loop:
            act()
        else:
            self._loop.call_soon_threadsafe(act)

    def _stop(self) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting > 1:
                return
            self._since = self._clock()
            limit = self._limit
            if limit is not None and self._loop is not None and not limit.expired():
                when = limit.when()
                self._left_s = None if when is None else when - self._loop.time()
                limit.reschedule(None)

    def _go_on(self) -> None:
        with self._lock:
            self._waiting -= 1
            if self._waiting:
                return
            self._queued_s += self._clock() - self._since
            limit = self._limit
            if limit is not None and self._loop is not None and self._left_s is not None and not limit.expired():
                limit.reschedule(self._loop.time() + max(0.0, self._left_s))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
