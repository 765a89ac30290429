"""How much memory a process holds, sampled while a drill lasts."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

from misstep.cli.drill.phases import Phase
from misstep.cli.staging.child import Child

EVERY_S = 0.25


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB; 0 when there is no such process."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError, ValueError):  # no /proc: another system than Linux
        asked = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return int(asked.stdout) * 1024 / 1e6 if asked.stdout.strip().isdigit() else 0.0


class MemoryWatch:
    """Samples a child's memory while entered."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.samples: list[tuple[float, float]] = []
        """(seconds since the epoch, MB)."""

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def most(self, phase: Phase) -> float:
        """The most in a phase, in MB."""
        return max((mb for at, mb in self.samples if phase.begin <= at <= phase.end), default=0.0)

    def line(self, begin: float) -> list[tuple[float, float]]:
        """(seconds since `begin`, MB), for a plot."""
        return [(at - begin, mb) for at, mb in self.samples if at >= begin]

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            pid = self._child.pid
            if pid is not None and (mb := resident_mb(pid)):
                self.samples.append((time.time(), mb))
