"""A circuit breaker: after so many failures in a row nobody calls for a while, and then one call tries it out.

closed -> open: `failures` calls failed in a row, or the dependency itself asked to be left alone (Retry-After).
open -> half open: the time is over. half open -> closed: the one call that was let through (the probe) succeeded;
half open -> open: it failed.

Decisions only, no I/O; the pattern is Michael Nygard's (Release It!, 2nd ed., section 5.2).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from misstep.agents.steady_clock import SteadyClock

PROBE_WAIT_MAX_S: Final = 1.0
"""When to ask again while another call tries the dependency out."""
PROBE_LOST_AFTER_S: Final = 60.0
"""A probe that is not back after this, or the open time if that is longer, no longer keeps others from trying: a
driver without a time limit must not keep the circuit half open for ever."""

TICK_S: Final = 1e-6
"""Less than this is no time: sums of floats are off by less, and a clock may not move on by it."""


class Circuit(IntEnum):
    """A breaker's states; the numbers are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2

    @property
    def text(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """A breaker has gone into another state."""

    circuit: Circuit
    failures: int
    """In a row."""
    left_s: float
    """How long it will be open; 0 in the other states."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that is not to be made."""

    circuit: Circuit
    failures: int
    left_s: float
    """When to ask again."""


class Allowed:
    """A call that may be made; exactly one of `succeeded`, `failed` and `abandoned` is told how it went."""

    __slots__ = ("life", "probe")

    def __init__(self, life: int, *, probe: bool) -> None:
        self.life = life
        self.probe = probe


class CircuitBreaker:
    """The breaker of one dependency, for all threads of a process.

    clock: seconds, from any beginning; it may jump back (a paused machine, a test) and the breaker goes on from there.
    changed: told of every change, in order; it is called with the breaker locked, so it must not block or call back.
    """

    def __init__(
        self,
        failures: int,
        open_s: float,
        clock: Callable[[], float],
        changed: Callable[[Change], None] = lambda change: None,
    ) -> None:
        self._most = failures
        self._open_s = open_s
        self._lost_after_s = max(open_s, PROBE_LOST_AFTER_S)
        self._clock = SteadyClock(clock)
        self._changed = changed
        self._lock = threading.Lock()
        self._circuit = Circuit.CLOSED
        self._failures = 0
        self._until = 0.0
        self._probe: Allowed | None = None
        self._probe_since = 0.0
        self._life = 0
        """Counts the changes: what a call says that began before the last one is old news."""

    def admit(self) -> Allowed | Refused:
        """May a call be made now? While half open one is allowed at a time."""
        with self._lock:
            refused = self._refusal()
            if refused is not None:
                return refused
            allowed = Allowed(self._life, probe=self._circuit is Circuit.HALF_OPEN)
            if allowed.probe:
                self._probe, self._probe_since = allowed, self._clock()
            return allowed

    def refusal(self) -> Refused | None:
        """What `admit` would refuse a call with now; None if it would allow it."""
        with self._lock:
            return self._refusal()

    def succeeded(self, allowed: Allowed) -> None:
        """The dependency answered."""
        with self._lock:
            if allowed.probe:
                if self._circuit is not Circuit.CLOSED:
                    self._failures = 0
                    self._become(Circuit.CLOSED)
            elif allowed.life == self._life:
                self._failures = 0

    def failed(self, allowed: Allowed, hold_s: float = 0.0) -> None:
        """The dependency is down. hold_s: for how long it asked to be left alone, 0 when it did not."""
        with self._lock:
            old_news = allowed.life != self._life and allowed is not self._probe
            if not old_news:
                self._failures += 1
            elif hold_s <= 0:
                return
            if self._failures >= self._most or (allowed is self._probe and hold_s <= 0):
                self._open(max(self._open_s, hold_s))
            elif hold_s > 0:
                self._open(hold_s)

    def abandoned(self, allowed: Allowed) -> None:
        """The call ended without a word about the dependency: cancelled, or the caller's own mistake."""
        with self._lock:
            if allowed is self._probe:
                self._probe = None

    def _refusal(self) -> Refused | None:
        if self._circuit is Circuit.CLOSED:
            return None
        now = self._clock()
        if self._circuit is Circuit.OPEN:
            if self._until - now > TICK_S:
                return Refused(Circuit.OPEN, self._failures, self._until - now)
            self._become(Circuit.HALF_OPEN)
        if self._probe is None or now - self._probe_since >= self._lost_after_s:
            return None
        return Refused(Circuit.HALF_OPEN, self._failures, min(self._open_s, PROBE_WAIT_MAX_S))

    def _open(self, for_s: float) -> None:
        until = self._clock() + for_s
        if self._circuit is Circuit.OPEN:  # asked to wait longer by a call that began before
            self._until = max(self._until, until)
            return
        self._until = until
        self._become(Circuit.OPEN, for_s)

    def _become(self, circuit: Circuit, left_s: float = 0.0) -> None:
        self._circuit = circuit
        self._probe = None
        self._life += 1
        self._changed(Change(circuit, self._failures, left_s))
