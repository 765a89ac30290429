"""A `misstep run` of its own: one supervisor and what it supervises, to be attacked by pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from misstep.dev.process_table import children


class Running:
    """One command and its children."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.environment = dict(environment)
        self._command = [sys.executable, "-m", "misstep.cli.main", "run", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[int] = []

    @property
    def slot(self) -> str:
        return self.environment["MISSTEP_SLOT"]

    def start(self) -> None:
        """Start it, if it does not run."""
        if self.alive():
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """Whether the supervisor runs."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def children(self) -> list[int]:
        """Pids of the workers, or of the sink."""
        return children(self._process.pid) if self._process is not None and self.alive() else []

    def kill_children(self) -> int:
        """SIGKILL what it supervises, which it then restarts; how many there were."""
        pids = self.children()
        for pid in pids:
            _send(pid, signal.SIGKILL)
        return len(pids)

    def kill(self) -> None:
        """SIGKILL all of it: nobody restarts anything."""
        pids = self.children()
        if self._process is not None:
            _send(self._process.pid, signal.SIGKILL)
            for pid in pids:
                _send(pid, signal.SIGKILL)
            self._process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP what it supervises: connections stay open, leases run out."""
        self._frozen = self.children()
        for pid in self._frozen:
            _send(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT what `freeze` stopped."""
        for pid in self._frozen:
            _send(pid, signal.SIGCONT)
        self._frozen = []

    def ask_to_end(self) -> None:
        """SIGTERM; it drains."""
        if self._process is not None:
            _send(self._process.pid, signal.SIGTERM)

    def end(self, timeout_s: float = 20.0) -> int | None:
        """SIGTERM, and the exit code; killed when it does not drain in time (None)."""
        if self._process is None:
            return None
        self.thaw()
        _send(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_s)
        self.kill()
        return None


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
