"""Something to wait for that any thread can ring: on an event loop, or in a thread that may block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Protocol


class Bell(Protocol):
    """What a waiting turn is woken with."""

    def ring(self) -> None:
        """Wake who waits, or who will wait next. From any thread."""
        ...

    def clear(self) -> None: ...


class LoopBell:
    """A bell for a task of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._rung.set)

    def clear(self) -> None:
        self._rung.clear()

    async def wait(self, seconds: float | None) -> None:
        """Until it is rung, or `seconds` are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()


class ThreadBell:
    """A bell for a thread of its own."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def clear(self) -> None:
        self._rung.clear()

    def wait(self, seconds: float | None) -> None:
        """Until it is rung, or `seconds` are over."""
        self._rung.wait(seconds)
