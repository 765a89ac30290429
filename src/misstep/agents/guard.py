"""What stands between the turns of a process and its dependencies: a breaker each, and a rate where one is declared."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from misstep.agents.bell import Bell, LoopBell
from misstep.agents.breaker import Allowed, Change, CircuitBreaker, Refused
from misstep.agents.dependency_limits import DEFAULT_BREAKER, Breaker, Rate
from misstep.agents.provider import Provider
from misstep.agents.rate_limit import RateLimit


class Watch(Protocol):
    """Who is told of what happens to a dependency. Called from any thread; must not block or raise."""

    def circuit_changed(self, dependency: str, change: Change) -> None: ...
    def waited_for_rate(self, dependency: str, seconds: float) -> None: ...


class NobodyWatches:
    """A watch of nobody."""

    def circuit_changed(self, dependency: str, change: Change) -> None: ...
    def waited_for_rate(self, dependency: str, seconds: float) -> None: ...


class NoRoom(Exception):
    """The rate leaves no room for a call before the case's time is over."""


@dataclass(frozen=True, slots=True)
class ForCircuit:
    """To wait until the circuit changes, this long at most."""

    most_s: float


@dataclass(frozen=True, slots=True)
class ForRate:
    """To wait in line, this long at most."""

    line: RateLimit
    most_s: float


StandingStill = Callable[[], AbstractContextManager[None]]


class Guard:
    """The breaker and the rate of one dependency."""

    def __init__(
        self,
        dependency: str,
        breaker: Breaker | None,
        rate: Rate | None,
        clock: Callable[[], float],
        watch: Watch,
    ) -> None:
        self.dependency = dependency
        self._clock = clock
        self._watch = watch
        declared = breaker or DEFAULT_BREAKER
        self._breaker = CircuitBreaker(declared.failures, declared.open_ms / 1000, clock, self._changed)
        self.rate = rate
        self._line = RateLimit(rate.calls, rate.per_ms / 1000, clock) if rate else None
        self._lock = threading.Lock()
        self._patient: dict[object, Bell] = {}
        """Turns that wait for the circuit."""

    def refusal(self) -> Refused | None:
        """Why a call would be refused now; an open circuit whose time is over becomes half open by being asked."""
        return self._breaker.refusal()

    async def enter(self, *, patient: bool, left_s: float, standing_still: StandingStill) -> Allowed | Refused:
        """Wait for the rate, and for the circuit too if `patient`; `left_s` seconds at most. Raises NoRoom.

        standing_still: makes a context manager that is entered while this waits.
        """
        steps = self._entering(patient, left_s)
        spent_s: float | None = None
        while True:
            try:
                wait = steps.send(spent_s)  # type: ignore[arg-type]
            except StopIteration as end:
                return cast("Allowed | Refused", end.value)
            began = self._clock()
            with standing_still():
                if isinstance(wait, ForCircuit):
                    bell = LoopBell()
                    with self._hearing(bell):
                        if self.refusal() is not None:
                            await bell.wait(wait.most_s)
                else:
                    try:
                        async with asyncio.timeout(wait.most_s if math.isfinite(wait.most_s) else None):
                            await wait.line.in_turn()
                    except TimeoutError:
                        raise NoRoom from None
            spent_s = max(0.0, self._clock() - began)

    def enter_blocking(self, *, left_s: float, standing_still: StandingStill) -> Allowed | Refused:
        """As `enter`, in a thread that may block; it never waits for the circuit, which would keep the thread from
        others for long. Raises NoRoom."""
        steps = self._entering(False, left_s)
        spent_s: float | None = None
        while True:
            try:
                wait = steps.send(spent_s)  # type: ignore[arg-type]
            except StopIteration as end:
                return cast("Allowed | Refused", end.value)
            assert isinstance(wait, ForRate)
            began = self._clock()
            with standing_still():
                if not wait.line.in_turn_blocking(wait.most_s):
                    raise NoRoom
            spent_s = max(0.0, self._clock() - began)

    def _entering(self, patient: bool, left_s: float) -> Generator[ForCircuit | ForRate, float, Allowed | Refused]:
        """What to wait for, one after the other; it is sent how long each took."""
        while True:
            refused = self.refusal()
            if refused is not None:
                if not patient or left_s <= 0:
                    return refused
                left_s -= yield ForCircuit(min(refused.left_s, left_s))
                continue
            if self._line is not None and not self._line.at_once():
                waited_s = yield ForRate(self._line, left_s)
                self._watch.waited_for_rate(self.dependency, waited_s)
                left_s -= waited_s
            entered = self._breaker.admit()
            if isinstance(entered, Allowed):
                return entered
            if self._line is not None:  # the circuit opened meanwhile: whoever waits behind learns of it at once
                self._line.give_back()

    def succeeded(self, allowed: Allowed) -> None:
        """See CircuitBreaker."""
        self._breaker.succeeded(allowed)

    def failed(self, allowed: Allowed, hold_s: float = 0.0) -> None:
        """See CircuitBreaker."""
        self._breaker.failed(allowed, hold_s)

    def abandoned(self, allowed: Allowed) -> None:
        """See CircuitBreaker."""
        self._breaker.abandoned(allowed)
        if allowed.probe:  # the seat is free, and no change of state says so
            self._ring()

    def _changed(self, change: Change) -> None:
        self._watch.circuit_changed(self.dependency, change)
        self._ring()

    def _ring(self) -> None:
        with self._lock:
            for bell in self._patient.values():
                bell.ring()

    @contextmanager
    def _hearing(self, bell: Bell) -> Iterator[None]:
        place = object()
        with self._lock:
            self._patient[place] = bell
        try:
            yield
        finally:
            with self._lock:
                del self._patient[place]


class Guards:
    """The guards of one process, by the dependency's name, each made when it is first asked for.

    declared: who provides a name, and so what its breaker and rate are; None: it has the default breaker and no rate.
    """

    def __init__(
        self,
        declared: Callable[[str], Provider | None],
        clock: Callable[[], float] = time.monotonic,
        watch: Watch | None = None,
    ) -> None:
        self._declared = declared
        self._clock = clock
        self._watch = watch or NobodyWatches()
        self._lock = threading.Lock()
        self._guards: dict[str, Guard] = {}

    def of(self, dependency: str) -> Guard:
        """The guard of a dependency."""
        guard = self._guards.get(dependency)
        if guard is None:
            with self._lock:
                guard = self._guards.get(dependency)
                if guard is None:
                    provider = self._declared(dependency)
                    breaker, rate = (provider.breaker, provider.rate) if provider else (None, None)
                    guard = Guard(dependency, breaker, rate, self._clock, self._watch)
                    self._guards[dependency] = guard
        return guard
