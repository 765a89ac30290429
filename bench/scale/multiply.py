"""Makes many rows out of few real ones, inside Postgres: the same cases again and again, spread over the days before.

The rows that are multiplied were written by the audit sink. A copy has case ids, hashes, offsets and times of its own;
everything else, so also sizes and shares of failures, is as the sink wrote it. Indices are taken off for the load and
put back from their own definitions, then the table is vacuumed as autovacuum would have done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import sql

from misstep.store.connect import Connection
from misstep.store.months import ensure_month, moved

COPIES_A_STEP = 25
FINGERPRINTS = 200
OFFSETS_A_COPY = 1_000_000
Say = Callable[[str], None]


def multiply(connection: Connection, namespace: str, rows: int, days: float, say: Say) -> dict[str, float]:
    """Until `case_turns` has `rows` rows of this namespace, spread evenly over the last `days`; returns seconds."""
    real, cases = _one(
        connection,
        "SELECT count(*), count(DISTINCT case_id) FROM case_turns WHERE namespace = %s",
        [namespace],
    )
    copies = max(1, -(-rows // real))
    say(f"{real:,} real rows of {cases:,} cases, {copies:,} times over {days:g} days")
    _make_months(connection, days)
    began = time.monotonic()
    with _quick(connection), _without_indices(connection, "case_turns", say):
        _templates(connection, namespace, cases)
        for first in range(0, copies, COPIES_A_STEP):
            last = min(first + COPIES_A_STEP, copies) - 1
            connection.execute(_turns(connection), {"first": first, "last": last, "copies": copies, "days": days})
            rate = (last + 1) * real / (time.monotonic() - began)
            say(f"{(last + 1) * real:,} rows, {rate:,.0f} a second")
        loaded = time.monotonic()
        connection.execute(
            _letters(connection), {"namespace": namespace, "copies": copies, "days": days, "prints": FINGERPRINTS}
        )
        say("letters are there; building indices")
    indexed = time.monotonic()
    connection.execute("VACUUM (ANALYZE) case_turns")
    connection.execute("VACUUM (ANALYZE) dead_letters")
    connection.execute("CHECKPOINT")
    return {
        "load_s": round(loaded - began, 1),
        "index_s": round(indexed - loaded, 1),
        "vacuum_s": round(time.monotonic() - indexed, 1),
    }


def _make_months(connection: Connection, days: float) -> None:
    newest = _one(connection, "SELECT current_date", [])[0]
    for back in range(int(days // 28) + 2):
        ensure_month(connection, moved(newest.replace(day=1), -back))


def _templates(connection: Connection, namespace: str, cases: int) -> None:
    """The real rows, each with its case's place among them (0 to 1) and its time since the case began."""
    connection.execute("DROP TABLE IF EXISTS templates")
    connection.execute(
        """
        CREATE TEMPORARY TABLE templates AS
        SELECT t.*, occurred_at - min(occurred_at) OVER case_of AS since_start,
               (dense_rank() OVER (ORDER BY case_id) - 1) / %s::float AS place
        FROM case_turns t WHERE namespace = %s WINDOW case_of AS (PARTITION BY case_id)
        """,
        [cases, namespace],
    )
    connection.execute("ANALYZE templates")


def _turns(connection: Connection) -> sql.Composed:
    """INSERT of copies `first` to `last`, the oldest first."""
    made = {
        "case_id": "t.case_id || '-' || k",
        "prev_hash": "encode(sha256((t.prev_hash || k)::bytea), 'hex')",
        "hash": "encode(sha256((t.hash || k)::bytea), 'hex')",
        "kafka_offset": f"t.kafka_offset + (k + 1)::bigint * {OFFSETS_A_COPY}",
        "occurred_at": "_at",
        "recorded_at": "_at + interval '200 ms'",
    }
    names = _columns(connection, "case_turns")
    return sql.SQL(
        """
        INSERT INTO case_turns ({names})
        SELECT {made} FROM (
            SELECT t.*, k, now() - ((%(copies)s - k - t.place) / %(copies)s) * %(days)s * interval '1 day'
                           + t.since_start AS _at
            FROM generate_series(%(first)s::int, %(last)s::int) k CROSS JOIN templates t
        ) t WHERE _at < now() ORDER BY k, _at
        """
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        made=sql.SQL(", ").join(sql.SQL(made[name]) if name in made else sql.Identifier("t", name) for name in names),
    )


def _letters(connection: Connection) -> sql.Composed:
    """The dead letters of those copies, in more groups than a handful."""
    age = "((%(copies)s - k - random()) / %(copies)s) * %(days)s * interval '1 day'"
    made = {
        "case_id": "l.case_id || '-' || k",
        "fingerprint": "left(md5(l.fingerprint || (k * 31 + l.id) %% %(prints)s), 16)",
        "first_failure": f"now() - {age}",
        "last_failure": f"now() - {age}",
        "dlq_offset": f"l.dlq_offset + (k + 1)::bigint * {OFFSETS_A_COPY}",
    }
    names = [name for name in _columns(connection, "dead_letters") if name != "id"]
    return sql.SQL(
        "INSERT INTO dead_letters ({names}) SELECT {made} FROM generate_series(0, %(copies)s::int - 1) k "
        "CROSS JOIN dead_letters l WHERE l.namespace = %(namespace)s"
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        made=sql.SQL(", ").join(sql.SQL(made[name]) if name in made else sql.Identifier("l", name) for name in names),
    )


def _columns(connection: Connection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        [table],
    )
    return [row[0] for row in rows]


@contextmanager
def _without_indices(connection: Connection, table: str, say: Say) -> Iterator[None]:
    """The table without its indices; afterwards they are built again, each from its own definition."""
    there = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass",
        [table],
    ).fetchall()
    for name, _ in there:
        connection.execute(f"DROP INDEX {name}")
    yield
    connection.execute("SET maintenance_work_mem = '1GB'")
    for name, definition in there:
        began = time.monotonic()
        connection.execute(definition.replace(" ON ONLY ", " ON ", 1))
        say(f"index {name}: {time.monotonic() - began:.1f} s")
    connection.execute("RESET maintenance_work_mem")


@contextmanager
def _quick(connection: Connection) -> Iterator[None]:
    """The server as one loads it in bulk, and afterwards as it was."""
    for setting in ("fsync = off", "max_wal_size = '24GB'", "checkpoint_timeout = '30min'"):
        connection.execute(f"ALTER SYSTEM SET {setting}")
    connection.execute("SELECT pg_reload_conf()")
    yield
    for name in ("fsync", "max_wal_size", "checkpoint_timeout"):
        connection.execute(f"ALTER SYSTEM RESET {name}")
    connection.execute("SELECT pg_reload_conf()")


def _one(connection: Connection, query: str, given: list[object]) -> tuple:  # type: ignore[type-arg]
    row = connection.execute(query, given).fetchone()
    assert row is not None
    return row
