"""Where turns wait that may not begin at once: their agent is held, or they may have killed a process.

How suspicion comes about, and how it narrows down, stands in `bus/suspicion.py`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from misstep.agents.worker.work import Work
from misstep.bus.suspicion import KILLS, POSITIONS_MAX, SEEN

AT_ONCE_MAX = 32
"""So many suspected turns that overlap run at once: with 1,000 that were under way, as many waves as turns in one."""
IN_A_ROW_MAX = POSITIONS_MAX
"""So many that run one after the other are marked at once."""
DOUBLE_EVERY_S = 0.25
"""It begins with one, and doubles: what kills at once is seen with nobody beside it."""


class Alone:
    """Shared by a worker's gates: while one of them wants to run a turn alone, no other turn begins in the worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: set[Gate] = set()
        self._running: dict[Gate, int] = {}
        self._holder: Gate | None = None
        self.shut = False
        """Somebody wants to run alone."""

    def want(self, gate: Gate, wanted: bool) -> None:
        if wanted != (gate in self._wanted):
            with self._lock:
                (self._wanted.add if wanted else self._wanted.discard)(gate)
                self.shut = bool(self._wanted)

    def running(self, gate: Gate, suspected: int) -> None:
        """So many suspected turns of a gate are running."""
        with self._lock:
            self._running[gate] = suspected

    def take(self, gate: Gate) -> bool:
        """May it run one alone now? Not while another does, nor while suspected turns are running."""
        with self._lock:
            if self._holder not in (None, gate) or any(self._running.values()):
                return False
            self._holder = gate
            return True

    def leave(self, gate: Gate) -> None:
        with self._lock:
            if self._holder is gate:
                self._holder = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Turns that may begin now."""

    works: list[Work]
    marked: bool = False
    """Not before it is committed that they are running."""
    alone: bool = False


class Gate:
    """One reader's. Only `wait` is called by other threads than the polling one."""

    def __init__(self, alone: Alone, *, overlap: bool) -> None:
        self.together = alone
        self._at_once_max = AT_ONCE_MAX if overlap else IN_A_ROW_MAX
        self._since: float | None = None
        self.waiting: deque[Work] = deque()
        self.running: list[Work] = []
        """Suspected turns that are running, as marked."""
        self.alone = False
        """There is one of them, and it runs alone."""

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.running or self.alone)

    def wait(self, work: Work) -> None:
        """A turn is not begun yet. (Any thread.)"""
        self.waiting.append(work)

    def revoked(self) -> list[Work]:
        """Takes those out whose partition is gone."""
        gone = [work for work in list(self.waiting) if work.window.revoked]
        for work in gone:
            self.waiting.remove(work)
        return gone

    def reap(self) -> list[Work]:
        """Takes those out that are over, wait for their next try, or have lost their partition."""
        over = [work for work in self.running if work.ended or work.waits or work.window.revoked]
        if over:
            self.running = [work for work in self.running if work not in over]
            if not self.alone:
                self.together.running(self, len(self.running))
        return over

    def end_alone(self) -> None:
        """Its marks are taken back: the next may begin."""
        self.alone = False
        self.together.leave(self)

    def stand_still(self) -> None:
        """Nothing begins here, and nobody waits for that."""
        self.together.want(self, False)

    def choose(self, now: float, room: int) -> Begin | None:
        """What begins now; `began` says so. room: how many turns may begin at all."""
        if not self.waiting:
            self.stand_still()
            self._since = None
            return None
        waiting = list(self.waiting)
        if killers := [work for work in waiting if work.deaths >= KILLS]:
            return Begin(killers)  # they are not run
        seen = next((work for work in waiting if work.deaths == SEEN), None)
        self.together.want(self, seen is not None)
        if seen is not None:
            return Begin([seen], marked=True, alone=True) if self.together.take(self) else None
        if self.together.shut:
            return None
        if free := [work for work in waiting if not work.deaths][: max(0, room)]:
            return Begin(free)
        if self._since is None:
            self._since = now
        at_once = min(self._at_once_max, 1 << int(min((now - self._since) / DOUBLE_EVERY_S, 16.0)))
        suspected = [work for work in waiting if work.deaths][: max(0, min(at_once - len(self.running), room))]
        return Begin(suspected, marked=True) if suspected else None

    def began(self, begin: Begin) -> None:
        """They begin: they wait no more."""
        for work in begin.works:
            self.waiting.remove(work)
        if begin.marked:
            self.running += begin.works
            self.alone = begin.alone
            if not begin.alone:
                self.together.running(self, len(self.running))

    def back(self, work: Work) -> None:
        """It has not begun after all."""
        if work in self.running:
            self.running.remove(work)
            if not self.alone:
                self.together.running(self, len(self.running))
        self.waiting.appendleft(work)

    def not_yet(self, begin: Begin) -> None:
        """It could not be committed that they are running."""
        if begin.alone:
            self.together.leave(self)

    def forget(self) -> Iterable[Work]:
        """Gives up all that waits."""
        gone = list(self.waiting)
        self.waiting.clear()
        self.together.want(self, False)
        return gone
