"""The embedded servers together: up, down, status."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.kafka_training import train_once
from misstep.dev.lock import exclusive
from misstep.dev.ports import PortInUseError, free_port, is_free, require_free
from misstep.dev.postgres import EmbeddedPostgres, postgres_version
from misstep.dev.progress import Reporter, Silent
from misstep.dev.state import Condition, KafkaState, PostgresState, ServerState, remembered_ports, write_state
from misstep.dev.versions import (
    check_kafka_version,
    check_layout,
    check_postgres_version,
    kafka_version,
    mark_layout,
)
from misstep.errors import UsageError

# Between looking whether a port is free and the server's taking it, another process may take it.
PORT_TRIES = 3
POLL_S = 0.05


def up(
    data: Path, *, kafka_port: int | None = None, postgres_port: int | None = None, progress: Reporter | None = None
) -> ServerState:
    """Start Kafka and Postgres in the directory `data`, or find them running; return when both serve clients.

    The ports, when none are given, are free ones, kept for the next start. The servers go on after this process ends.

    Raises UsageError when a given port is taken or another version wrote the data, ServerUnreachable when Kafka cannot
    be downloaded, MisstepError when a server dies or does not answer. Whatever is raised, Ctrl-C included, the
    processes that this call started are stopped again.
    """
    data = data.absolute()
    report = progress or Silent()
    check_layout(data)
    with _one_at_a_time(data, report):
        servers = _servers(data)
        check_layout(data)
        check_kafka_version(servers.kafka.directory)
        check_postgres_version(servers.postgres.directory)
        kafka_was, postgres_was = remembered_ports(data)
        starts = [
            _Start(servers.kafka, "Kafka", "--kafka-port", kafka_port, kafka_was),
            _Start(servers.postgres, "Postgres", "--postgres-port", postgres_port, postgres_was),
        ]
        for start in starts:
            start.choose_port()
        mark_layout(data)
        cancel = threading.Event()
        threads = [threading.Thread(target=start.run, args=(report, cancel), daemon=True) for start in starts]
        try:
            _await_all(starts, threads)
            state = servers.state()
            write_state(data, state)
        except BaseException:
            with _deaf_to_interrupts():
                cancel.set()
                _undo(starts, threads)
            raise
        return state


def down(data: Path, *, progress: Reporter | None = None) -> ServerState:
    """Stop both servers cleanly (SIGTERM, Postgres's SIGINT; SIGKILL after 20 s); their data stays.

    Nothing when they are down or were never up. Waits for an `up` that is under way.
    """
    data = data.absolute()
    report = progress or Silent()
    if not data.exists():
        return status(data)
    with _one_at_a_time(data, report):
        servers = _servers(data)
        stops = [threading.Thread(target=server.stop) for server in (servers.kafka, servers.postgres)]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        state = servers.state()
        if servers.kafka.port or servers.postgres.port:
            write_state(data, state)
        return state


def status(data: Path) -> ServerState:
    """What runs now: each server is looked for by its pid file and asked for an answer (for 2 s at most)."""
    return _servers(data.absolute()).state()


@dataclass(frozen=True, slots=True)
class _Servers:
    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres

    def state(self) -> ServerState:
        return ServerState(
            kafka=KafkaState(
                bootstrap_servers=self.kafka.bootstrap_servers,
                pid=self.kafka.pid,
                version=kafka_version(self.kafka.directory),
                state=_condition(self.kafka),
            ),
            postgres=PostgresState(
                dsn=self.postgres.dsn,
                pid=self.postgres.pid,
                version=postgres_version(),
                state=_condition(self.postgres),
            ),
        )


def _servers(data: Path) -> _Servers:
    kafka_port, postgres_port = remembered_ports(data)
    return _Servers(
        EmbeddedKafka(data / "kafka", port=kafka_port), EmbeddedPostgres(data / "postgres", port=postgres_port)
    )


def _condition(server: EmbeddedKafka | EmbeddedPostgres) -> Condition:
    if server.pid is None:
        return "down"
    return "up" if server.answers() else "not answering"


@dataclass(slots=True)
class _Start:
    """The start of one server, in a thread of its own."""

    server: EmbeddedKafka | EmbeddedPostgres
    name: str
    option: str
    asked_port: int | None
    remembered_port: int | None
    pid_before: int | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def choose_port(self) -> None:
        """The running server's port, else the one asked for, else the remembered one if it is free, else a free one."""
        self.pid_before = self.server.pid
        if self.pid_before is not None:
            if self.asked_port not in (None, self.server.port):
                raise UsageError(
                    f"{self.name} is up already, on port {self.server.port}: run `misstep down` first to have it on "
                    f"port {self.asked_port}."
                )
        elif self.asked_port is not None:
            require_free(self.asked_port, self.name, self.option)
            self.server.port = self.asked_port
        elif self.remembered_port is None or not is_free(self.remembered_port):
            self.server.port = free_port()

    def run(self, report: Reporter, cancel: threading.Event) -> None:
        """Start the server; what it raises is kept in `error`."""
        try:
            for tries_left in reversed(range(PORT_TRIES)):
                try:
                    if isinstance(self.server, EmbeddedKafka) and self.pid_before is None:
                        train_once(reporter=report, cancel=cancel)
                    self.server.start(reporter=report, cancel=cancel)
                    return
                except PortInUseError:
                    if self.asked_port is not None or not tries_left:
                        raise
                    self.server.port = free_port()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error
        finally:
            self.done.set()


def _await_all(starts: list[_Start], threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    # Waited for in short steps, so that one server's failure ends the other's start. By an event and not by
    # Thread.join(): up to Python 3.12 a join that Ctrl-C interrupts takes the thread for ended, and it is never joined.
    while not all(start.done.is_set() for start in starts) and not any(start.error for start in starts):
        for start in starts:
            start.done.wait(POLL_S)
    for start in starts:
        if start.error is not None:
            raise start.error


def _undo(starts: list[_Start], threads: list[threading.Thread]) -> None:
    for thread in threads:
        if thread.ident is not None:
            thread.join()
    for start in starts:
        if start.server.pid != start.pid_before:
            start.server.stop()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A second Ctrl-C must not leave behind what the first one is stopping."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _one_at_a_time(data: Path, report: Reporter) -> Iterator[None]:
    def waiting() -> None:
        report.say(f"Waiting for another `misstep up` or `misstep down` that is at work in {data}")

    try:
        data.mkdir(parents=True, exist_ok=True)
        with exclusive(data / "up.lock", on_wait=waiting):
            yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or data} cannot be used for the servers' data ({error.strerror or error}): "
            "choose another directory with MISSTEP_DATA."
        ) from error
