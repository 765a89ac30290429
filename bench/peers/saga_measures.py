"""What is measured of a contestant of the saga: cases a second in a burst, latencies at a steady rate, disk, lines."""

from __future__ import annotations

import ast
import json
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import hop
import orjson
import psycopg
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from misstep.bus.message import headers_of
from misstep.dev.ports import free_port
from misstep.testing.chaos.cluster import Cluster
from peers.contestants import Lane, environment_of, misstep
from peers.environments import HERE, HOME, SHARED, python_of, temporal_server
from peers.hop_measures import DidNotWorkError
from peers.processes import running

sys.path.insert(0, str(SHARED))
import load

WARM_UP_CASES = 400
END_WITHIN_S = 60.0


@dataclass(frozen=True)
class Servers:
    """Where the servers are; `log_dirs` are the brokers', none when they are not on this machine."""

    bootstrap: str
    dsn: str
    log_dirs: Sequence[Path]


class Arena(Protocol):
    """A contestant that is set up once and runs its load several times."""

    def burst(self, cases: int) -> dict[str, Any]:
        """Run that many cases as fast as they go."""

    def paced(self, rate: float, seconds: float) -> dict[str, Any]:
        """Run cases at a steady rate."""

    def disk_bytes(self) -> int | None:
        """What it occupies on disk now; None: not known."""


@dataclass(frozen=True)
class SagaContestant:
    """One entry of the saga."""

    name: str
    title: str
    arena: Callable[[Servers], Any]
    sources: Sequence[str]
    """Files that a user would write, below bench/peers."""
    burst_cases: int

    def lines(self) -> int:
        """Lines of user code: those that hold code; blank lines, comments and docstrings are not counted."""
        return sum(code_lines((HERE / source).read_text()) for source in self.sources)


def code_lines(source: str) -> int:
    """Lines of a Python file that hold code, docstrings left out."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(source.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and n not in docstrings for n, line in lines)


# -- Misstep ----------------------------------------------------------------------------------------------------------


class MisstepArena:
    """`misstep run order`: one worker process with agents, undos and coordinator, and the audit sink's process."""

    def __init__(self, servers: Servers, dsn: str, lane: Lane) -> None:
        self._servers, self._dsn, self._lane = servers, dsn, lane
        self._next = 0
        self._run_load(WARM_UP_CASES, 200.0)
        self._run_load(WARM_UP_CASES, None)

    def burst(self, cases: int) -> dict[str, Any]:
        found = self._run_load(cases, None)
        return found | {"audit_behind_s": self._audit_behind_s()}

    def paced(self, rate: float, seconds: float) -> dict[str, Any]:
        found = self._run_load(int(rate * seconds), rate)
        return found | {"audit_behind_s": self._audit_behind_s()}

    def disk_bytes(self) -> int | None:
        if not self._servers.log_dirs:
            return None
        kafka = sum(log.stat().st_size for place in self._servers.log_dirs for log in place.glob("*/*.log"))
        return kafka + database_bytes(self._dsn)

    def _run_load(self, cases: int, rate: float | None) -> dict[str, Any]:
        """Publish cases, all at once or at a rate, and read outcomes and failures as they become visible."""
        first, self._next = self._next, self._next + cases
        ends: dict[int, tuple[float, float, str]] = {}
        due: dict[int, float] = {}
        failures: dict[int, float] = {}
        done = threading.Event()
        outcomes = _reader_from_end(self._lane.bootstrap, f"{self._lane.name}.order.outcomes")
        refused = _reader_from_end(self._lane.bootstrap, f"{self._lane.name}.order.ship.failed")

        def read_outcomes() -> None:
            for key, value, _, at in _messages(outcomes, done):
                ends[int(key)] = (due[int(key)], at, orjson.loads(value)["outcome"])

        def read_failures() -> None:
            for key, _, headers, _ in _messages(refused, done):
                failures[int(key)] = datetime.fromisoformat((headers["ce_time"] or b"").decode()).timestamp()

        readers = [threading.Thread(target=read_outcomes), threading.Thread(target=read_failures)]
        for reader in readers:
            reader.start()
        producer = Producer({"bootstrap.servers": self._lane.bootstrap, "linger.ms": 0})
        began = time.time()
        for number in range(first, first + cases):
            due[number] = began if rate is None else began + (number - first) / rate
            while time.time() < due[number]:
                producer.poll(0.001)
            producer.produce(f"{self._lane.name}.order.cases", orjson.dumps(load.case(number)), str(number).encode())
            producer.poll(0)
        producer.flush(30)
        until = time.time() + END_WITHIN_S
        while len(ends) < cases and time.time() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        done.set()
        for reader in readers:
            reader.join()
        if not ends:
            raise DidNotWorkError("no case ended; see bench/.peers/logs/saga.misstep.log.")
        return load.summary(dict(ends), failures, began) | {"without_outcome": cases - len(ends)}

    def _audit_behind_s(self) -> float | None:
        """How long after the last outcome every outcome was in Postgres."""
        began = time.monotonic()
        query = "SELECT count(*) FROM case_turns WHERE namespace = %s AND kind = 'outcome'"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while time.monotonic() < began + END_WITHIN_S:
                row = connection.execute(query, [self._lane.name]).fetchone()
                if row is not None and row[0] >= self._next:
                    return round(time.monotonic() - began, 2)
                time.sleep(0.05)
        return None


@contextmanager
def misstep_arena(servers: Servers, *options: str) -> Iterator[MisstepArena]:
    """A namespace and a database of its own."""
    lane = Lane(servers.bootstrap, f"saga-{uuid.uuid4().hex[:6]}", 2)
    log = HOME / "logs" / "saga.misstep.log"
    with database(servers.dsn) as dsn:
        env = {**environment_of(lane), "MISSTEP_POSTGRES": dsn}
        with running(misstep("apply"), log, env) as applying:
            applying.root.wait(60)
        try:
            with running(misstep("run", "order", "--level", "warning", *options), log, env):
                yield MisstepArena(servers, dsn, lane)
        finally:
            admin = AdminClient({"bootstrap.servers": servers.bootstrap, "log_level": 4})
            for topic in [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(lane.name)]:
                admin.delete_topics([topic])[topic].result()


@contextmanager
def three_brokers_arena(servers: Servers) -> Iterator[MisstepArena]:
    """The same on a cluster of three: every record in three copies, acknowledged by two at least."""
    with tempfile.TemporaryDirectory(prefix="misstep-three-") as directory:
        cluster = _Undisturbed(Path(directory))
        try:
            cluster.start()
            places = [Path(directory) / f"node-{number}" / "data" for number in cluster.ports]
            with misstep_arena(Servers(cluster.bootstrap, servers.dsn, places)) as arena:
                yield arena
        finally:
            cluster.close()


class _NoProxy:
    """Nothing stands between clients and brokers."""

    def listen(self, number: int, port: int, behind: int) -> None:
        pass

    def close(self) -> None:
        pass


class _Undisturbed(Cluster):
    """The cluster of the chaos suite without its proxies, which would cost time of their own."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.proxy = _NoProxy()
        self.ports = {number: replace(ports, advertised=ports.clients) for number, ports in self.ports.items()}


def _reader_from_end(bootstrap: str, topic: str) -> Consumer:
    reader = hop.reader(bootstrap, topic)
    for place in reader.assignment():
        place.offset = reader.get_watermark_offsets(place, 5)[1]
        reader.seek(place)
    return reader


def _messages(reader: Consumer, done: threading.Event) -> Iterator[tuple[bytes, bytes, dict[str, Any], float]]:
    """Key, value, headers and when it was seen, until done."""
    while not done.is_set():
        first = reader.poll(0.05)
        if first is None:
            continue
        for message in (first, *reader.consume(1_000, 0)):
            if message.error() is None:
                yield message.key() or b"", message.value() or b"", dict(headers_of(message)), time.time()
    reader.close()


# -- peers, each of which runs the load in its own process -------------------------------------------------------------


class PeerArena:
    """A program that runs the load in its own process and prints what it measured."""

    def __init__(self, name: str, command: Sequence[str], disk: Callable[[], int]) -> None:
        self._name, self._command, self._disk, self._runs = name, command, disk, 0

    def burst(self, cases: int) -> dict[str, Any]:
        return self._run("burst", str(cases))

    def paced(self, rate: float, seconds: float) -> dict[str, Any]:
        return self._run("paced", str(rate), str(seconds))

    def disk_bytes(self) -> int | None:
        return self._disk()

    def _run(self, *arguments: str) -> dict[str, Any]:
        self._runs += 1
        log = HOME / "logs" / f"saga.{self._name}.{self._runs}.log"
        log.unlink(missing_ok=True)
        env = {"PYTHONPATH": str(SHARED), "RACE_RUN": str(self._runs)}
        with running([*self._command, *arguments], log, env) as program:
            program.root.wait(300)
        for line in reversed(log.read_text().splitlines()):
            if line.startswith('{"cases"'):
                return dict(json.loads(line))
        raise DidNotWorkError(f"it measured nothing; its log is {log.relative_to(HOME.parent.parent)}.")


def postgres_peer(peer: str, options: str = "") -> Callable[[Servers], Any]:
    """A peer on a Postgres database of its own; `options` as libpq's PGOPTIONS."""

    @contextmanager
    def arena(servers: Servers) -> Iterator[PeerArena]:
        with database(servers.dsn, options) as dsn:
            command = [str(python_of(peer)), str(HERE / peer / "run.py"), dsn]
            yield PeerArena(peer, command, lambda: database_bytes(dsn))

    return arena


def temporal_peer(kind: str) -> Callable[[Servers], Any]:
    """Temporal's development server with a file of its own, and one worker."""

    @contextmanager
    def arena(servers: Servers) -> Iterator[PeerArena]:
        program = temporal_server()
        directory = Path(tempfile.mkdtemp(prefix="temporal-"))
        port = free_port()
        server = [str(program), "server", "start-dev", "--headless", "--port", str(port), "--log-level", "error"]
        server += ["--db-filename", str(directory / "race.db"), "--sqlite-pragma", "journal_mode=wal"]
        server += ["--sqlite-pragma", "synchronous=normal"]
        with running(server, HOME / "logs" / "temporal-server.log", {}):
            time.sleep(5)
            address = f"127.0.0.1:{port}"
            command = [str(python_of("temporal")), str(HERE / "temporal" / "run.py"), address, kind]
            files = lambda: sum(part.stat().st_size for part in directory.glob("race.db*"))  # noqa: E731
            yield PeerArena(f"temporal_{kind}", command, files)
        shutil.rmtree(directory, ignore_errors=True)

    return arena


@contextmanager
def database(dsn: str, options: str = "") -> Iterator[str]:
    """A database of its own on the server; its DSN."""
    name = f"race_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        if options:
            connection.execute(f'ALTER DATABASE "{name}" SET {options}')
        try:
            yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def database_bytes(dsn: str) -> int:
    """What a database occupies, tables and indexes; the write-ahead log is shared and not counted."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


# The same durability as the one broker has: a commit is told before it is on the disk.
NOT_FSYNCED = "synchronous_commit = off"

SAGA_CONTESTANTS = [
    SagaContestant(
        "misstep",
        "Misstep, audit sink running",
        misstep_arena,
        ["misstep/contracts/order.py", "misstep/agents/order.py", "misstep/saga/order.py"],
        12_000,
    ),
    SagaContestant(
        "misstep_no_carry",
        "Misstep, one transaction for each turn",
        lambda servers: misstep_arena(servers, "--no-carry"),
        ["misstep/contracts/order.py", "misstep/agents/order.py", "misstep/saga/order.py"],
        6_000,
    ),
    SagaContestant(
        "misstep_three",
        "Misstep on three brokers, acks=all",
        three_brokers_arena,
        ["misstep/contracts/order.py", "misstep/agents/order.py", "misstep/saga/order.py"],
        6_000,
    ),
    SagaContestant("dbos", "DBOS on Postgres", postgres_peer("dbos"), ["shared/order.py", "dbos/saga.py"], 600),
    SagaContestant(
        "dbos_unsynced",
        "DBOS, commits not awaited on disk",
        postgres_peer("dbos", NOT_FSYNCED),
        ["shared/order.py", "dbos/saga.py"],
        600,
    ),
    SagaContestant(
        "langgraph",
        "LangGraph, Postgres checkpointer",
        postgres_peer("langgraph"),
        ["shared/order.py", "langgraph/saga.py"],
        600,
    ),
    SagaContestant(
        "langgraph_unsynced",
        "LangGraph, commits not awaited on disk",
        postgres_peer("langgraph", NOT_FSYNCED),
        ["shared/order.py", "langgraph/saga.py"],
        600,
    ),
    SagaContestant(
        "temporal_local",
        "Temporal dev server, local activities",
        temporal_peer("local"),
        ["shared/order.py", "temporal/saga.py"],
        300,
    ),
    SagaContestant(
        "temporal",
        "Temporal dev server, activities",
        temporal_peer("activities"),
        ["shared/order.py", "temporal/saga.py"],
        150,
    ),
]
