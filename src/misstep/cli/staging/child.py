"""A process that a demo or a drill starts: its output in a log, ended with its starter, killed on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from misstep.dev.log_tail import telling_line
from misstep.errors import MisstepError

DRAIN_S = 3.0
"""Then it is killed: a turn that is slow on purpose is not waited for, and nothing is lost by that."""


class Child:
    """One process of ours. `name` begins sentences ("The agents")."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None before it is started."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it; in a session of its own, so that Ctrl-C reaches its starter alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment},
                stdin=subprocess.PIPE,  # held open: when its starter is killed, it stops too (`--until-eof`)
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises MisstepError when it has ended without being told to."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise MisstepError(
                f"{self.name} ended with exit code {code}; the log, {self.log}, ends: {telling_line(self.log)}"
            )

    def kill(self) -> None:
        """SIGKILL, as a machine that loses its power; it can be started again."""
        if self._process is not None:
            self._process.kill()
            self._ended(None)

    def stop(self) -> None:
        """Let it drain; what has not ended after a while is killed. Nothing when it does not run."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):  # a second SIGTERM kills its own children
            self._process.send_signal(number)
            try:
                self._ended(DRAIN_S if number is signal.SIGTERM else None)
                return
            except subprocess.TimeoutExpired:
                continue

    def _ended(self, within_s: float | None) -> None:
        process = self._process
        assert process is not None
        process.wait(within_s)
        if process.stdin is not None:
            process.stdin.close()
        self._process = None
