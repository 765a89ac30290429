"""A clock that never goes back, made of one that may."""

from __future__ import annotations

from collections.abc import Callable


class SteadyClock:
    """Seconds since it was made, as another clock ticks; where that one jumps back, this one stands for a moment.

    The caller keeps two threads from asking at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._passed = 0.0

    def __call__(self) -> float:
        reading = self._clock()
        if reading > self._last:
            self._passed += reading - self._last
        self._last = reading
        return self._passed
