"""A migrated database, a namespace of one's own, and sinks that run while a block lasts."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg
import pytest

from misstep.bus.topics import Topics
from misstep.store.migrate import migrate
from misstep.store.sink import Sink
from tests.store.synthetic import Workflow

Database = psycopg.Connection[tuple[Any, ...]]


class HasServers(Protocol):
    kafka: str
    postgres: str


@pytest.fixture(scope="session")
def dsn(servers: HasServers) -> str:
    """A database with every migration applied."""
    migrate(servers.postgres)
    return servers.postgres


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def fresh_database(servers: HasServers) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    name = f"fresh_{secrets.token_hex(4)}"
    with psycopg.connect(servers.postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield psycopg.conninfo.make_conninfo(servers.postgres, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def workflow(servers: HasServers) -> Workflow:
    """A workflow whose topics exist, in a namespace of its own."""
    return Workflow(servers.kafka, Topics(f"t{secrets.token_hex(4)}", "invoice"))


Running = Callable[..., AbstractContextManager[Sink]]


@contextmanager
def running_sink(workflow: Workflow, dsn: str, **options: Any) -> Iterator[Sink]:
    """A sink that runs in a thread while the block lasts; what it raises, the block's end raises."""
    sink = Sink(workflow.bootstrap, dsn, workflow.topics, list(workflow.agents), **options)
    stop = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            sink.run(stop)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sink
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive(), "the sink did not stop within 30 s"
    if raised:
        raise raised[0]


def recorded(db: Database, workflow: Workflow) -> int:
    """Rows of this namespace, dead letters included."""
    row = db.execute(
        "SELECT (SELECT count(*) FROM case_turns WHERE namespace = %(ns)s)"
        " + (SELECT count(*) FROM dead_letters WHERE namespace = %(ns)s)",
        {"ns": workflow.topics.namespace},
    ).fetchone()
    assert row is not None
    return int(row[0])


def places(db: Database, workflow: Workflow) -> int:
    """Different places in Kafka that rows of this namespace came from."""
    row = db.execute(
        """
        SELECT (SELECT count(DISTINCT (kafka_topic, kafka_partition, kafka_offset))
                FROM case_turns WHERE namespace = %(ns)s)
             + (SELECT count(DISTINCT (dlq_topic, dlq_partition, dlq_offset))
                FROM dead_letters WHERE namespace = %(ns)s)
        """,
        {"ns": workflow.topics.namespace},
    ).fetchone()
    assert row is not None
    return int(row[0])


def wait_until(met: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        time.sleep(0.03)


def wait_until_recorded(db: Database, workflow: Workflow, within_s: float = 30.0) -> None:
    """Until every message is a row; fails at once when there are more rows than messages."""
    deadline = time.monotonic() + within_s
    while (rows := recorded(db, workflow)) < workflow.written:
        assert time.monotonic() < deadline, f"{rows} of {workflow.written} recorded within {within_s:g} s"
        time.sleep(0.05)
    assert rows == workflow.written
