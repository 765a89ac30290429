"""One turn of a case at a time: which cases have a turn under way in an agent, and what waits behind it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from misstep.agents.worker.work import Work
from misstep.bus.progress import UNFINISHED_MAX_MESSAGES


class CaseQueues:
    """Of one reader. (The polling thread, and whoever runs turns.)"""

    def __init__(self, *, overlap: bool, under_way_max: int | None) -> None:
        """overlap: turns of different cases run side by side. under_way_max: at most so many; None: no limit."""
        self._overlap = overlap
        self._under_way_max = under_way_max
        self._lock = threading.Lock()
        self._behind: dict[str, deque[Work]] = {}
        self._turns = 0
        """Turns that run or wait for their next try; counted where there may be only so many."""
        self.open_bytes = 0
        """Of the messages whose turns are under way or wait behind one, where turns overlap."""

    def must_wait(self, work: Work) -> bool:
        """Is a turn of the same case under way? Then this one is queued behind it."""
        if not self._overlap and not self._behind:
            return False
        with self._lock:
            queue = self._behind.get(work.case_id)
            if queue is not None:
                queue.append(work)
            elif self._overlap:
                self._behind[work.case_id] = deque()
            else:
                return False
            work.window.open.add(work.position)
            if self._overlap:
                work.open_bytes = len(work.message.value or b"")
                self.open_bytes += work.open_bytes
            return queue is not None

    def keep_busy(self, work: Work) -> None:
        """A turn that ran at once must wait for its next attempt: its case is busy from now on."""
        with self._lock:
            self._behind.setdefault(work.case_id, deque())
            work.window.open.add(work.position)
            work.waits = True

    def next_of(self, work: Work) -> Work | None:
        """A turn is over: the one that waits behind it, if its partition is still here."""
        work.window.open.discard(work.position)
        if work.tried:
            work.window.attempts.pop(work.position, None)
        if not self._behind:
            return None
        with self._lock:
            self.open_bytes -= work.open_bytes
            queue = self._behind.get(work.case_id)
            if queue is None:
                return None
            while queue:
                following = queue.popleft()
                if not following.window.revoked:
                    return following
                self.open_bytes -= following.open_bytes
            del self._behind[work.case_id]
        return None

    def forget(self, work: Work) -> None:
        """It has not begun and will not, nor will what waits behind it."""
        with self._lock:
            queue: Iterable[Work] = self._behind.pop(work.case_id, ())
        for waiting in (work, *queue):
            waiting.window.open.discard(waiting.position)

    # -- how many ---------------------------------------------------------------------------------------------------

    def began(self, turns: int) -> None:
        """So many more are under way."""
        self._count(turns)

    def ended(self) -> None:
        """One is over, and none has come in its place."""
        self._count(-1)

    def room(self, about_to_begin: int = 0) -> int:
        """How many more may begin, besides those that are about to."""
        if self._under_way_max is None:
            return UNFINISHED_MAX_MESSAGES
        return self._under_way_max - self._turns - about_to_begin

    def _count(self, more: int) -> None:
        if self._under_way_max is not None:
            with self._lock:
                self._turns += more
