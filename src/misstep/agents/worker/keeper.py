"""Keeps a reader in its consumer group while its polling thread is inside a turn for long.

A plain function runs in the polling thread. Whoever does not poll for `max.poll.interval.ms` is taken for dead: its
partitions go to others, who run the same turn again. So while a turn lasts, the consumer is lent to a second thread,
which polls now and then: it takes part in rebalances and puts aside what it is given. (A function that never lets go of
the interpreter, in a C extension, keeps that thread from running too.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

LOOK_EVERY_S = 0.5
KEEP_AFTER_S = 2.0
"""A polling thread that has been away for so long is stood in for."""


class Keeper:
    """`with keeper:` the polling thread does something else, and the consumer may be used by the other one.

    Otherwise the polling thread holds the consumer: from `begin` to `end`.
    """

    def __init__(self, name: str, poll: Callable[[], None]) -> None:
        self._name = name
        self._poll = poll
        self._consumer = threading.Lock()
        self._over = threading.Event()
        self.away_since: float | None = None
        """Since when the polling thread has been doing something else (monotonic)."""
        self.broke: BaseException | None = None
        """What polling in its place raised; raised again when it is back."""

    def begin(self) -> None:
        self._consumer.acquire()
        threading.Thread(target=self._run, name=f"keep {self._name}", daemon=True).start()

    def end(self) -> None:
        self._over.set()
        self._consumer.release()

    def __enter__(self) -> None:
        self.away_since = time.monotonic()
        self._consumer.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.away_since = None
        self._consumer.acquire()
        if self.broke is not None and error is None:
            raise self.broke

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            since = self.away_since
            if since is None or time.monotonic() - since < KEEP_AFTER_S or self.broke is not None:
                continue
            if not self._consumer.acquire(blocking=False):
                continue
            try:
                if self.away_since is not None:
                    self._poll()
            except BaseException as error:  # noqa: BLE001  # it is the polling thread that falls with it
                self.broke = error
            finally:
                self._consumer.release()
