"""What is in the audit stays as it is, and roles can do what they are for and no more."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from tests.store.conftest import Database, running_sink, wait_until_recorded
from tests.store.synthetic import Workflow


@pytest.fixture
def recorded_case(workflow: Workflow, db: Database, dsn: str) -> str:
    case = workflow.begin("kept")
    workflow.turn(case, "extract")
    workflow.end(case)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    return workflow.topics.namespace


def partition_of(db: Database, namespace: str) -> str:
    row = db.execute(
        "SELECT DISTINCT tableoid::regclass::text FROM case_turns WHERE namespace = %s", [namespace]
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_the_owner_changes_nothing_through_the_table_nor_its_partitions(recorded_case: str, db: Database) -> None:
    month = partition_of(db, recorded_case)
    assert month != "case_turns_default"
    for table in ("case_turns", month):
        for change in (
            f"UPDATE {table} SET payload = '{{}}' WHERE namespace = '{recorded_case}'",
            f"DELETE FROM {table} WHERE namespace = '{recorded_case}'",
            f"TRUNCATE {table}",
        ):
            with pytest.raises(errors.InsufficientPrivilege, match="case_turns is append-only"):
                db.execute(change)  # type: ignore[arg-type]
    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        db.execute("TRUNCATE case_turns_default")
    with db.transaction(force_rollback=True):
        db.execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            db.execute("DELETE FROM case_turns")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("misstep_sink", "UPDATE case_turns SET agent = 'x'"),
        ("misstep_sink", "DELETE FROM case_turns"),
        ("misstep_sink", "TRUNCATE case_turns"),
        ("misstep_sink", "DELETE FROM dead_letters"),
        ("misstep_sink", "UPDATE dead_letters SET trail = '[]'"),
        ("misstep_sink", "DELETE FROM sink_offsets"),
        ("misstep_sink", "CREATE TABLE mine (id int)"),
        ("misstep_sink", "ALTER TYPE failure_reason_t ADD VALUE 'mine'"),
        ("misstep_reader", "INSERT INTO sink_offsets SELECT * FROM sink_offsets"),
        ("misstep_reader", "SELECT add_failure_reason('mine')"),
        ("misstep_reader", "UPDATE sink_offsets SET next_offset = 0"),
    ],
)
def test_roles_may_not(db: Database, role: str, statement: str) -> None:
    db.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
    with pytest.raises((errors.InsufficientPrivilege, errors.DependentObjectsStillExist)):
        db.execute(statement)  # type: ignore[arg-type]


def test_readers_read(recorded_case: str, db: Database) -> None:
    db.execute("SET ROLE misstep_reader")
    for relation in ("case_turns", "cases", "failure_taxonomy", "dead_letters", "sink_offsets"):
        db.execute(f"SELECT count(*) FROM {relation}")  # type: ignore[arg-type]


def test_the_sink_writes_as_its_role(workflow: Workflow, db: Database, dsn: str) -> None:
    with running_sink(workflow, dsn):
        workflow.begin("c")
        workflow.flush()
        wait_until_recorded(db, workflow)
        pid = db.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s", [workflow.topics.audit_group()]
        ).fetchone()
    assert pid is not None
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT pg_has_role('misstep_sink', 'MEMBER')").fetchone() == (True,)


def test_an_event_of_another_month_has_a_partition_of_its_own_unless_its_clock_is_mad(
    workflow: Workflow, db: Database, dsn: str
) -> None:
    for name, days in (("last-quarter", -90), ("mad", 20_000)):
        case = workflow.begin(name)
        case.at_ms += days * 86_400_000
        workflow.turn(case, "extract")
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    rows = dict(
        db.execute(
            "SELECT case_id, tableoid::regclass::text FROM case_turns WHERE namespace = %s AND kind = 'turn'",
            [workflow.topics.namespace],
        ).fetchall()
    )
    assert rows["last-quarter"].startswith("case_turns_20")
    assert rows["mad"] == "case_turns_default"
