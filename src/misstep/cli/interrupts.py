"""Ctrl-C, SIGTERM and SIGHUP: where they may cut in, and where they may not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ends_at_once() -> Iterator[None]:
    """While the block lasts (imports, of which half is worse than none), Ctrl-C ends the process without a word."""
    try:
        before = signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
    except ValueError:  # not the main thread: signals are another's business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Interrupts:
    """While entered, the three signals raise KeyboardInterrupt, but never within `held`: there they wait."""

    def __init__(self) -> None:
        self._held = 0
        self._waiting = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Interrupts:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block that must not be cut in two; what came meanwhile is raised at its end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._waiting and not self._held:
            self._waiting = False
            raise KeyboardInterrupt

    @contextmanager
    def deaf_at_end(self) -> Iterator[None]:
        """After the block the signals do nothing: what is being stopped is stopped to the end."""
        try:
            yield
        finally:
            self._held += 1

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._waiting = True
        else:
            raise KeyboardInterrupt
