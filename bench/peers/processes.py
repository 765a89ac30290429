"""A contestant's processes: started in a session of their own, measured and killed as one tree."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Tree:
    """One started program with everything that it started."""

    root: subprocess.Popen[bytes]

    def pids(self) -> list[int]:
        """The living processes, the root first."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.root.pid]
        for pid in found:
            found.extend(children.get(pid, []))
        return found

    def cpu_s(self) -> float:
        """Seconds of processor time so far, user and system, of the tree and of children that it has reaped."""
        return sum(sum(map(int, fields[11:15])) for pid in self.pids() if (fields := _stat(pid))) / TICKS_A_SECOND

    def rss_mb(self) -> float:
        """Resident memory now."""
        return sum(int(fields[21]) for pid in self.pids() if (fields := _stat(pid))) * PAGE_BYTES / 2**20

    def kill(self) -> None:
        """`kill -9` of all of it at once."""
        pids = self.pids()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.root.wait()
        while any(_lives(pid) for pid in pids):  # a lock that one of them holds is free only then
            time.sleep(0.005)

    def stop(self, grace_s: float = 10) -> None:
        """SIGTERM; what has not ended after the grace is killed."""
        pids = self.pids()
        if self.root.poll() is None:
            self.root.terminate()
        until = time.monotonic() + grace_s
        while any(_lives(pid) for pid in pids) and time.monotonic() < until:
            self.root.poll()
            time.sleep(0.05)
        for pid in pids:
            if _lives(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.root.wait()


@contextmanager
def running(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Iterator[Tree]:
    """A program while the block lasts; what it says goes to `log`."""
    tree = start(command, log, env)
    try:
        yield tree
    finally:
        tree.stop()


def start(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Tree:
    """Start a program in a session of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            start_new_session=True,
        )
    return Tree(started)


def _lives(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from its third field on: state, parent, ...; empty when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
