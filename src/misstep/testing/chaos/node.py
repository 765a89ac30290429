"""One node of a cluster: a JVM of its own that can be killed, frozen, stopped and brought back."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from misstep.dev import kafka_probe
from misstep.dev.detached import POLL_S, DetachedProcess
from misstep.dev.java import java_command, java_environment
from misstep.dev.kafka_aot import cache_file, flags_to_use
from misstep.dev.log_tail import telling_line
from misstep.errors import MisstepError

READY_WITHIN_S = 90.0
STOP_GRACE_S = 30.0
FLAGS = ("-server", "-Xms320m", "-Xmx320m", "-XX:+UseG1GC")


class Node:
    """A broker and controller. `port`: where clients are answered, without a proxy."""

    def __init__(self, number: int, directory: Path, port: int, jars: Sequence[Path]) -> None:
        self.number = number
        self.directory = directory
        self.port = port
        self.log = directory / "server.log"
        self._jars = jars
        self._process: DetachedProcess | None = None

    @property
    def pid(self) -> int | None:
        """None when it does not run."""
        return self._process.pid if self._process is not None and self._process.alive() else None

    @property
    def properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def log_settings(self) -> Path:
        return self.directory / "log4j2.properties"

    def start(self) -> None:
        """Start it, if it does not run; returns at once."""
        if self.pid is not None:
            return
        flags = (*FLAGS, *flags_to_use(cache_file(self._jars)))
        self._process = DetachedProcess.spawn(
            java_command(
                "kafka.Kafka",
                str(self.properties),
                class_path=self._jars,
                flags=flags,
                log_settings=self.log_settings,
            ),
            pid_file=self.directory / "server.pid",
            port=self.port,
            log=self.log,
            cwd=self.directory,
            environment=java_environment(),
        )

    def answers(self) -> bool:
        """Whether it serves clients now."""
        return self.pid is not None and kafka_probe.answers(self.port, 1.0)

    def await_ready(self, timeout_s: float = READY_WITHIN_S) -> None:
        """Wait until it serves clients. Raises MisstepError when it dies, or does not within the time."""
        until = time.monotonic() + timeout_s
        while not self.answers():
            if self.pid is None:
                raise MisstepError(f"Node {self.number} died, saying '{telling_line(self.log)}'; see {self.log}.")
            if time.monotonic() > until:
                raise MisstepError(f"Node {self.number} does not answer within {timeout_s:.0f} s; see {self.log}.")
            time.sleep(5 * POLL_S)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.stop(signal.SIGKILL, STOP_GRACE_S)

    def stop(self) -> None:
        """SIGTERM: it hands its partitions over first. Killed when that takes too long."""
        if self._process is not None:
            self._process.stop(signal.SIGTERM, STOP_GRACE_S)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo `freeze`."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)
