"""One real Apache Kafka broker of one's own: a child JVM that is broker and controller."""

import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from misstep.dev import kafka_probe
from misstep.dev.atomic_file import write_atomically
from misstep.dev.cancel import check_cancelled
from misstep.dev.detached import POLL_S, DetachedProcess
from misstep.dev.died import ServerDiedError
from misstep.dev.java import SERVER_FLAGS, java_command, java_environment
from misstep.dev.kafka_aot import cache_file, flags_to_use
from misstep.dev.kafka_config import log4j2_properties, server_properties
from misstep.dev.kafka_format import format_storage
from misstep.dev.kafka_jars import class_path
from misstep.dev.log_tail import set_aside_if_large, size, telling_line
from misstep.dev.ports import HOST, PortInUseError, free_port, is_free
from misstep.dev.progress import Reporter
from misstep.dev.versions import check_kafka_version, mark_kafka_version
from misstep.errors import MisstepError

READY_WITHIN_S = 60.0
STOP_GRACE_S = 20.0
CONTROLLER_PORT_TRIES = 3


class EmbeddedKafka:
    """A broker whose files live in `directory`; its process outlives this object.

    `port`: the client port; None: the one it is running on, else a free one at the first start. `extra_flags`: flags of
    the JVM in place of those that use the cache of a training run.
    """

    def __init__(self, directory: Path, *, port: int | None = None, extra_flags: Sequence[str] | None = None) -> None:
        self.directory = directory.absolute()
        self._extra_flags = extra_flags
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
        write_atomically(self._log_settings, log4j2_properties())
        format_storage(self._log_dir, jars=jars, log=self.log, log_settings=self._log_settings, cancel=cancel)
        mark_kafka_version(self.directory)
        if self.port is None:
            self.port = free_port()
        elif not is_free(self.port):
            raise PortInUseError(
                f"port {self.port} on {HOST} is taken by another process: stop it, or give Kafka another."
            )
        cache = cache_file(jars)
        flags = flags_to_use(cache) if self._extra_flags is None else self._extra_flags
        try:
            self._run(jars, flags, self.port, cancel)
        except ServerDiedError:
            if not flags or self._extra_flags is not None:
                raise
            self._run(jars, (), self.port, cancel)
            # It runs without the cache, so that was to blame.
            cache.unlink(missing_ok=True)

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
    def _log_settings(self) -> Path:
        return self.directory / "log4j2.properties"

    @property
    def _log_dir(self) -> Path:
        return self.directory / "data"

    def _process(self) -> DetachedProcess | None:
        return DetachedProcess.recall(self._pid_file)

    def _run(self, jars: Sequence[Path], flags: Sequence[str], port: int, cancel: threading.Event | None) -> None:
        for tries_left in reversed(range(CONTROLLER_PORT_TRIES)):
            try:
                self._run_once(jars, flags, port, cancel)
                return
            except PortInUseError:
                # When the client port is free, it was the controller's, chosen a second ago, that is taken now.
                if not tries_left or not is_free(port):
                    raise

    def _run_once(self, jars: Sequence[Path], flags: Sequence[str], port: int, cancel: threading.Event | None) -> None:
        properties = self.directory / "server.properties"
        write_atomically(properties, server_properties(log_dir=self._log_dir, port=port, controller_port=free_port()))
        set_aside_if_large(self.log)
        log_start = size(self.log)
        process = DetachedProcess.spawn(
            java_command(
                "kafka.Kafka",
                str(properties),
                class_path=jars,
                flags=(*SERVER_FLAGS, *flags),
                log_settings=self._log_settings,
            ),
            pid_file=self._pid_file,
            port=port,
            log=self.log,
            cwd=self.directory,
            environment=java_environment(),
        )
        try:
            self._await_ready(process, log_start, cancel)
        except BaseException:
            process.stop(signal.SIGKILL, STOP_GRACE_S)
            raise

    def _await_ready(self, process: DetachedProcess, log_start: int, cancel: threading.Event | None) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not (kafka_probe.answers(process.port) and kafka_probe.coordinates(process.port)):
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
