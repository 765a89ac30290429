"""Given many rows of the audit, the questions that people ask of it read an index, not the table."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Protocol

import psycopg
import pytest

from misstep.store.connect import Connection
from misstep.store.migrate import migrate
from misstep.store.months import ensure_month, moved
from misstep.store.taxonomy import TAXONOMY_SQL
from misstep.store.taxonomy_compare import COUNTS_SQL

ROWS = 60_000
DAYS = 30


class HasServers(Protocol):
    postgres: str


@pytest.fixture(scope="module")
def audit(servers: HasServers) -> Iterator[Connection]:
    """A database with a month of turns, vacuumed as autovacuum would have done."""
    name = f"many_{secrets.token_hex(4)}"
    with psycopg.connect(servers.postgres, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        dsn = psycopg.conninfo.make_conninfo(servers.postgres, dbname=name)
        try:
            migrate(dsn)
            with psycopg.connect(dsn, autocommit=True) as connection:
                _fill(connection)
                yield connection
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _fill(connection: Connection) -> None:
    (today,) = connection.execute("SELECT current_date").fetchone() or ()
    for back in range(2):
        ensure_month(connection, moved(today.replace(day=1), -back))
    connection.execute(
        """
        INSERT INTO case_turns (namespace, workflow, case_id, epoch, state_version, agent, kind, failure_reason, build,
                                payload, hash, occurred_at, kafka_topic, kafka_partition, kafka_offset)
        SELECT 'many', 'loans', 'case-' || n / 5, 0, n %% 5, 'step_' || n %% 5, 'turn',
               CASE WHEN n %% 40 = 0 THEN 'rubric_fail' ELSE 'ok' END::failure_reason_t, 'b1',
               jsonb_build_object('text', repeat(md5(n::text), 20)), md5(n::text),
               now() - (%(rows)s - n) / %(rows)s::float * %(days)s * interval '1 day', 'many.loans.step', 0, n
        FROM generate_series(1, %(rows)s) n
        """,
        {"rows": ROWS, "days": DAYS},
    )
    connection.execute("VACUUM (ANALYZE) case_turns")


def scans(connection: Connection, query: str, given: Any) -> dict[str, str]:
    """How each partition that has rows is read: its name, and Postgres's word for the scan."""
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", given).fetchone()
    assert row
    found: dict[str, str] = {}

    def walk(node: dict[str, Any]) -> None:
        if "Relation Name" in node and node["Actual Rows"]:
            found[node["Relation Name"]] = node["Node Type"]
        for child in node.get("Plans", []):
            walk(child)

    walk(row[0][0]["Plan"])
    return found


@pytest.mark.parametrize("query", [TAXONOMY_SQL, COUNTS_SQL], ids=["taxonomy", "taxonomy --compare"])
def test_a_days_turns_are_counted_from_an_index_alone(audit: Connection, query: str) -> None:
    asked = {"namespace": "many", "since": timedelta(days=1), "workflow": None}
    read = scans(audit, query, asked)
    assert read
    assert set(read.values()) == {"Index Only Scan"}, read


def test_the_one_group_by_that_people_write_themselves_needs_no_table_either(audit: Connection) -> None:
    query = "SELECT failure_reason, count(*) FROM case_turns WHERE occurred_at > now() - interval '24 hours' GROUP BY 1"
    read = scans(audit, query, None)
    assert read
    assert set(read.values()) == {"Index Only Scan"}, read


def test_a_case_is_found_by_its_id_in_every_month(audit: Connection) -> None:
    read = scans(audit, "SELECT * FROM case_turns WHERE case_id = %s AND namespace = %s", ["case-7000", "many"])
    assert read
    assert all("Index" in how or "Bitmap" in how for how in read.values()), read
