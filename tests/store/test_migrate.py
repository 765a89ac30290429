"""Migrations: once, in order, by one at a time, and none while nobody answers."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from misstep.contracts import failure
from misstep.dev.ports import free_port
from misstep.errors import MisstepError, ServerUnreachable
from misstep.store.migrate import dry_run, migrate, pending
from misstep.store.migration_files import engine_migrations
from misstep.store.reasons import ensure_reasons, known_reasons


def test_all_are_applied_once_in_their_order(fresh_database: str) -> None:
    names = sorted(path.stem for path in engine_migrations().glob("*.sql"))
    assert pending(fresh_database) == names
    assert migrate(fresh_database) == names
    assert pending(fresh_database) == []
    assert migrate(fresh_database) == []


def test_looking_changes_nothing(fresh_database: str) -> None:
    shown = dry_run(fresh_database)
    assert "CREATE TYPE failure_reason_t" in shown[0][1]
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_who_comes_second_waits_and_finds_it_done(fresh_database: str) -> None:
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(fresh_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(bool, applied)) == [False, False, False, True]


def test_a_refused_migration_is_undone_and_named(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "9001_half.sql").write_text("CREATE TABLE half (id int);\nCREATE TABLE half (id int);\n")
    with pytest.raises(MisstepError, match="9001_half was refused"):
        migrate(fresh_database, also=[tmp_path])
    assert pending(fresh_database, also=[tmp_path]) == ["9001_half"]
    (tmp_path / "9001_half.sql").write_text("CREATE TABLE half (id int);\n")
    assert migrate(fresh_database, also=[tmp_path]) == ["9001_half"]


def test_a_server_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(ServerUnreachable) as told:
        migrate(f"postgresql://me:secret@127.0.0.1:{free_port()}/misstep")
    assert "does not answer" in str(told.value)
    assert "misstep up" in str(told.value)
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_login_that_may_not_create_roles_migrates_all_the_same(fresh_database: str) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS plain_owner")
        admin.execute("CREATE ROLE plain_owner LOGIN PASSWORD 'plain' NOCREATEROLE NOSUPERUSER")
        try:
            admin.execute("GRANT ALL ON SCHEMA public TO plain_owner")
            plain = psycopg.conninfo.make_conninfo(fresh_database, user="plain_owner", password="plain")
            assert "0009_roles" in migrate(plain)
        finally:
            admin.execute("DROP OWNED BY plain_owner CASCADE")
            admin.execute("DROP ROLE plain_owner")


def test_the_enum_is_the_table_of_reasons(fresh_database: str) -> None:
    migrate(fresh_database)
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        assert known_reasons(connection) == list(failure.REASONS)


def test_a_workflow_may_bring_reasons_of_its_own(fresh_database: str) -> None:
    migrate(fresh_database)
    assert ensure_reasons(fresh_database, ["ok", "fraud_suspected"]) == ["fraud_suspected"]
    assert ensure_reasons(fresh_database, ["fraud_suspected"]) == []
    with pytest.raises(MisstepError, match="is not a name"):
        ensure_reasons(fresh_database, ["Fraud!"])
