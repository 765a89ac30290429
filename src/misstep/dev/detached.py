"""A child process that outlives the command which started it, and is known again by its pid file."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from misstep.dev.atomic_file import write_atomically
from misstep.dev.process_table import birth_mark

POLL_S = 0.02

# Popen objects of the children of this very process: polling them reaps the dead, so that no zombie stays behind.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class DetachedProcess:
    """A process, told from a later one with the same pid by its birth mark.

    `port` is the TCP port that it was started to listen on.
    """

    pid: int
    born: str
    port: int

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str],
        *,
        pid_file: Path,
        port: int,
        log: Path,
        cwd: Path,
        environment: Mapping[str, str],
        owner: tuple[int, int] | None = None,
    ) -> "DetachedProcess":
        """Start `argv` in a session of its own, its output appended to `log`, and write `pid_file`.

        `owner` is the (uid, gid) to run as; None: ours. Raises OSError when the program cannot be started.
        """
        with log.open("ab") as output:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(environment),
                start_new_session=True,
                user=owner[0] if owner else None,
                group=owner[1] if owner else None,
                extra_groups=[] if owner else None,
            )
        _children[child.pid] = child
        process = cls(child.pid, birth_mark(child.pid) or "stillborn", port)
        write_atomically(pid_file, json.dumps({"pid": process.pid, "born": process.born, "port": port}) + "\n")
        return process

    @classmethod
    def recall(cls, pid_file: Path) -> "DetachedProcess | None":
        """The process that `pid_file` speaks of, if that very process still lives; a stale file is not trusted."""
        try:
            written = json.loads(pid_file.read_text())
            process = cls(int(written["pid"]), str(written["born"]), int(written["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return process if process.alive() else None

    def alive(self) -> bool:
        """Whether this process runs or is stopped (a zombie is dead)."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
        return birth_mark(self.pid) == self.born

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to a process that is gone, nothing."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait_gone(self, timeout_s: float) -> bool:
        """Wait until it is gone, for at most `timeout_s` seconds; whether it is."""
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def stop(self, politely: signal.Signals, grace_s: float) -> None:
        """Ask it to end with the signal `politely`; after `grace_s` seconds kill it."""
        # A stopped process acts on no signal but SIGKILL until it is continued.
        self.send(politely)
        self.send(signal.SIGCONT)
        if not self.wait_gone(grace_s):
            self.send(signal.SIGKILL)
            self.wait_gone(grace_s)
