"""Supervision: keep each child process running in its slot; restart a dead one at once, pass signals on.

Each child's standard input is a pipe of the supervisor's. A supervisor that dies, by SIGKILL too, ends the pipe, and a
child that watches it (`--until-eof`) drains: no worker outlives its run unseen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

STEADY_S = 10.0
"""A child that lived this long is restarted at once; one that did not waits longer each time."""
BACKOFF_MAX_S = 10.0
GIVES_UP = frozenset({2})
"""Exit codes that a restart does not mend: wrong usage, a slot that is taken."""


@dataclass
class Child:
    """A process to keep running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    short_lives: int = 0
    due: float = 0.0
    over: bool = False
    restarts: int = 0
    environment: dict[str, str] = field(default_factory=dict)


class Supervisor:
    """Runs children until SIGTERM or SIGINT; a second signal stops them at once."""

    def __init__(self, children: Sequence[Child], on_start: Callable[[Child], None] = lambda child: None) -> None:
        self._children = children
        self._on_start = on_start
        self._signals = 0

    def run(self) -> int:
        """Supervise; returns the exit code: 0 after a drain, else the worst code of a child that cannot run."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        signalled = 0
        worst = 0
        while True:
            now = time.monotonic()
            if self._signals != signalled:
                signalled = self._signals
                self._send(signal.SIGTERM if signalled == 1 else signal.SIGKILL)
            for child in self._children:
                if child.process is None:
                    if not child.over and not signalled and now >= child.due:
                        self._start(child)
                elif (code := child.process.poll()) is not None:
                    if child.process.stdin is not None:
                        child.process.stdin.close()
                    child.process = None
                    if signalled or code == 0:
                        child.over = True
                    else:
                        worst = max(worst, self._died(child, code))
            if all(child.process is None and (child.over or signalled) for child in self._children):
                return 0 if signalled else worst
            time.sleep(0.02)

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            child.command,
            env={**os.environ, **child.environment},
            stdin=subprocess.PIPE,  # never written to: its end tells the child that the supervisor is gone
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then drains
        )
        log.info("started", process=child.name, pid=child.process.pid, restarts=child.restarts)
        self._on_start(child)

    def _died(self, child: Child, code: int) -> int:
        lived = time.monotonic() - child.started
        if code in GIVES_UP:
            child.over = True
            log.error("cannot run", process=child.name, exit_code=code)
            return code
        child.short_lives = 0 if lived > STEADY_S else child.short_lives + 1
        wait = min(BACKOFF_MAX_S, 0.5 * 2 ** (child.short_lives - 3)) if child.short_lives > 2 else 0.0
        child.due = time.monotonic() + wait
        child.restarts += 1
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        log.warning("died, restarting in its slot", process=child.name, how=how, lived_s=round(lived, 1), wait_s=wait)
        return 0

    def _send(self, number: int) -> None:
        for child in self._children:
            if child.process is not None:
                child.process.send_signal(number)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1


def python_command(module: str, *arguments: str) -> list[str]:
    """A child that runs one of our modules with this interpreter."""
    return [sys.executable, "-m", module, *arguments]
