"""A rate limit: never more than so many calls in any span of so much time, first come first served.

A sliding window over the moments of the last calls: unlike a token bucket it never lets twice the number through around
a full bucket's end. Who waits stands in line; only the head of the line looks at the clock, the others are woken.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from misstep.agents.bell import Bell, LoopBell, ThreadBell
from misstep.agents.steady_clock import SteadyClock

TICK_S: Final = 1e-6
"""Less than this is no time: sums of floats are off by less, and a clock may not move on by it."""


class RateLimit:
    """The rate of one dependency, for all turns and threads of a process.

    calls in per_s seconds. clock: seconds, from any beginning; it may jump back.
    """

    def __init__(self, calls: int, per_s: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._clock = SteadyClock(clock)
        self._lock = threading.Lock()
        self._made: deque[float] = deque(maxlen=calls)
        """Moments of the last calls, oldest first."""
        self._line: dict[object, Bell] = {}
        """Who waits, in the order of coming."""

    def at_once(self) -> bool:
        """Take a place if there is one now and nobody waits for it."""
        with self._lock:
            return not self._line and self._take() == 0.0

    async def in_turn(self) -> None:
        """Wait in line and take a place. Cancelled, it leaves the line."""
        bell = LoopBell()
        with self._standing(bell) as place:
            while (wait_s := self._ask(place)) > 0:
                await bell.wait(wait_s if math.isfinite(wait_s) else None)

    def in_turn_blocking(self, most_s: float) -> bool:
        """As `in_turn`, in a thread that may block; False after `most_s` seconds without a place."""
        bell = ThreadBell()
        until = self._now() + most_s
        with self._standing(bell) as place:
            while (wait_s := self._ask(place)) > 0:
                left_s = until - self._now()
                if left_s <= 0:
                    return False
                bell.wait(min(wait_s, left_s))
        return True

    def give_back(self) -> None:
        """A place was taken and no call made."""
        with self._lock:
            if self._made:
                self._made.pop()
            self._call_next()

    @contextmanager
    def _standing(self, bell: Bell) -> Iterator[object]:
        place = object()
        with self._lock:
            self._line[place] = bell
        try:
            yield place
        finally:
            with self._lock:
                del self._line[place]
                self._call_next()

    def _ask(self, place: object) -> float:
        """0: taken. Else seconds until it is worth asking again; without end for all but the head of the line."""
        with self._lock:
            self._line[place].clear()
            return self._take() if next(iter(self._line)) is place else math.inf

    def _take(self) -> float:
        now = self._clock()
        if len(self._made) == self._made.maxlen and (wait_s := self._made[0] + self._per_s - now) > TICK_S:
            return wait_s
        self._made.append(now)
        return 0.0

    def _now(self) -> float:
        with self._lock:
            return self._clock()

    def _call_next(self) -> None:
        if self._line:
            next(iter(self._line.values())).ring()
