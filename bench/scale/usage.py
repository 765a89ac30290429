"""What processes use, read from /proc: CPU seconds, resident memory, and a machine's cores."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int | None) -> float:
    """User and system seconds of a process so far; 0 without one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def native_cpu_s(pid: int) -> float:
    """Of these, what the Kafka client's own threads used, which need no Python interpreter."""
    whole = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, fields = (task / "stat").read_text("ascii").rpartition(")")[::2]
            if name.partition("(")[2].startswith("rdk"):
                whole += sum(int(field) for field in fields.split()[11:13]) / TICKS
        except OSError:  # a thread that ended meanwhile
            continue
    return whole


def family_cpu_s(pid: int | None) -> float:
    """The same of a process and its children, those included that have ended and were waited for (Postgres)."""
    if pid is None:
        return 0.0
    whole = 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        whole += sum(int(field) for field in fields[11:15]) / TICKS
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                whole += cpu_s(int(child))
    except OSError:
        pass
    return whole


def machine_busy_s() -> float:
    """Seconds that all cores together have worked, for whomever; what a host took for others counts too."""
    user, nice, system, _idle, _wait, irq, soft, steal = map(
        int, Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) / TICKS


def resident_mb(pid: int | None) -> float:
    """Resident memory in MB; 0 without a process."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE / 1e6
    except (OSError, IndexError):
        return 0.0


class MemorySamples:
    """Samples a process's resident memory while entered."""

    def __init__(self, pid: int, progress: Callable[[], int], every_s: float = 0.5) -> None:
        """progress: how many events are through, noted beside each sample."""
        self._pid, self._progress, self._every_s = pid, progress, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.samples: list[tuple[float, int, float]] = []
        """(seconds, events, MB)."""

    def __enter__(self) -> MemorySamples:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(self._every_s):
            self.samples.append((time.monotonic() - began, self._progress(), resident_mb(self._pid)))
