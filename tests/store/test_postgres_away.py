"""While Postgres is away events wait in Kafka; when it is back each becomes one row."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from misstep.bus.topics import Topics
from misstep.dev.postgres import EmbeddedPostgres
from misstep.store.migrate import migrate
from tests.store.conftest import Database, HasServers, places, recorded, running_sink, wait_until, wait_until_recorded
from tests.store.synthetic import Workflow
from tests.store.test_exactly_once import publish


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres that may be broken."""
    directory: Path = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(directory)
    server.start()
    assert server.dsn is not None
    migrate(server.dsn)
    yield server
    server.stop()


def test_it_waits_for_a_killed_postgres_and_says_so_once(workflow: Workflow, own_postgres: EmbeddedPostgres) -> None:
    dsn = str(own_postgres.dsn)
    publisher = threading.Thread(target=publish, args=(workflow, 2_000))
    with capture_logs() as said, running_sink(workflow, dsn) as sink:
        publisher.start()
        wait_until(lambda: _recorded(dsn, workflow) > 0)
        own_postgres.kill()
        publisher.join()
        time.sleep(1.5)
        own_postgres.start()
        with psycopg.connect(dsn, autocommit=True) as db:
            wait_until_recorded(db, workflow)
            assert places(db, workflow) == workflow.written
        wait_until(lambda: sink.lag().records == 0)
    events = [one["event"] for one in said if one["event"].startswith("the audit sink")]
    # Once an outage; a server that comes back from a crash may break the first connections off again.
    outage = ["the audit sink waits; events stay in Kafka meanwhile", "the audit sink goes on"]
    assert events in (outage, outage * 2)


def test_a_sink_that_begins_without_postgres_begins_when_it_is_there(
    workflow: Workflow, own_postgres: EmbeddedPostgres
) -> None:
    dsn = str(own_postgres.dsn)
    publish(workflow, 50)
    own_postgres.stop()
    with running_sink(workflow, dsn):
        time.sleep(3.5)
        own_postgres.start()
        with psycopg.connect(dsn, autocommit=True) as db:
            wait_until_recorded(db, workflow)


def test_a_frozen_postgres_loses_nothing(workflow: Workflow, own_postgres: EmbeddedPostgres) -> None:
    dsn = str(own_postgres.dsn)
    publisher = threading.Thread(target=publish, args=(workflow, 1_500))
    with running_sink(workflow, dsn):
        publisher.start()
        wait_until(lambda: _recorded(dsn, workflow) > 0)
        own_postgres.pause()
        publisher.join()
        time.sleep(1)
        own_postgres.resume()
        with psycopg.connect(dsn, autocommit=True) as db:
            wait_until_recorded(db, workflow)
            assert places(db, workflow) == workflow.written


def test_it_hangs_up_on_a_postgres_that_stays_frozen(
    workflow: Workflow, own_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("misstep.store.sink.PATIENCE_S", 1.0)
    dsn = str(own_postgres.dsn)
    with capture_logs() as said, running_sink(workflow, dsn):
        publish(workflow, 10)
        wait_until(lambda: _recorded(dsn, workflow) == workflow.written)
        own_postgres.pause()
        publish(workflow, 10, "late")
        wait_until(lambda: any("waits" in one["event"] for one in said))
        own_postgres.resume()
        with psycopg.connect(dsn, autocommit=True) as db:
            wait_until_recorded(db, workflow)


def test_a_session_that_an_administrator_ends_is_opened_again(workflow: Workflow, db: Database, dsn: str) -> None:
    publisher = threading.Thread(target=publish, args=(workflow, 2_000))
    with running_sink(workflow, dsn):
        publisher.start()
        for _ in range(8):
            time.sleep(0.15)
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                [workflow.topics.audit_group()],
            )
        publisher.join()
        wait_until_recorded(db, workflow)
    assert places(db, workflow) == workflow.written


def test_a_database_that_is_not_migrated_yet_is_waited_for(servers: HasServers, fresh_database: str) -> None:
    workflow = Workflow(servers.kafka, Topics(f"t{secrets.token_hex(4)}", "invoice"))
    publish(workflow, 5)
    with capture_logs() as said, running_sink(workflow, fresh_database):
        wait_until(lambda: any("waits" in one["event"] for one in said))
        migrate(fresh_database)
        with psycopg.connect(fresh_database, autocommit=True) as db:
            wait_until_recorded(db, workflow)


def _recorded(dsn: str, workflow: Workflow) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return recorded(connection, workflow)


pytestmark = pytest.mark.timeout(120)
