"""`misstep run` as a child of the demo: started, waited for until every agent has its partitions, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from misstep.agents.worker.supervise import python_command
from misstep.dev.log_tail import telling_line
from misstep.errors import MisstepError

DRAIN_S = 3.0
"""Then its children are killed: a turn that is slow on purpose is not waited for, and nothing is lost by that."""
POLL_S = 0.1


class AgentsProcess:
    """Workers and audit sink of one namespace, their output in `log`."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; in a session of its own, so that Ctrl-C reaches the demo alone."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                python_command("misstep.cli.main", "run", "--level", "info", "--until-eof"),
                env={**os.environ, **self._environment},
                stdin=subprocess.PIPE,  # held open: when the demo is killed, its agents stop too
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def await_ready(self, admin: AdminClient, groups: Collection[str], within_s: float) -> None:
        """Wait until each consumer group has members that hold partitions. Raises MisstepError."""
        until = time.monotonic() + within_s
        waiting = set(groups)
        while True:
            self.check()
            for group, future in admin.describe_consumer_groups(sorted(waiting)).items():
                try:
                    said = future.result()
                except KafkaException:
                    continue  # its coordinator is not there yet
                if said.state == ConsumerGroupState.STABLE and any(
                    member.assignment and member.assignment.topic_partitions for member in said.members
                ):
                    waiting.discard(group)
            if not waiting:
                return
            if time.monotonic() > until:
                raise MisstepError(
                    f"{sorted(waiting)[0]} has no partitions after {within_s:g} s; the agents' log is {self._log}."
                )
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raises MisstepError when it is no longer running."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise MisstepError(
                f"The agents ended with exit code {code}; their log, {self._log}, ends: {telling_line(self._log)}"
            )

    def stop(self) -> None:
        """Let it drain; what has not ended after a while is killed. Nothing when it was never started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):  # a second SIGTERM kills its children
            process.send_signal(number)
            try:
                process.wait(DRAIN_S if number is signal.SIGTERM else None)
                return
            except subprocess.TimeoutExpired:
                continue
