"""The failure reasons that Postgres knows, and adding a workflow's own."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from misstep.contracts.failure import well_formed
from misstep.errors import UsageError
from misstep.store.connect import Connection, asking


def known_reasons(connection: Connection) -> list[str]:
    """The labels of `failure_reason_t`, in their order."""
    rows = connection.execute(
        "SELECT enumlabel FROM pg_enum WHERE enumtypid = 'failure_reason_t'::regtype ORDER BY enumsortorder"
    )
    return [row[0] for row in rows]


def ensure_reasons(dsn: str, names: Iterable[str]) -> list[str]:
    """Add a workflow's own reason names to `failure_reason_t` and return those that were new.

    Raises UsageError for a name that is not lower-case letters, digits and underscores (at most 48), or
    ServerUnreachable.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if not well_formed(name):
            raise UsageError(f"failure reason {name!r} is not a name: use lower-case letters, digits and _, at most 48")
    with asking(dsn) as connection:
        known = set(known_reasons(connection))
        new = [name for name in wanted if name not in known]
        for name in new:
            connection.execute(
                sql.SQL("ALTER TYPE failure_reason_t ADD VALUE IF NOT EXISTS {}").format(sql.Literal(name))
            )
        return new
