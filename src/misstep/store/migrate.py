"""Brings the database to the newest migration; who comes second waits for who came first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import structlog
from yoyo import read_migrations  # type: ignore[import-untyped]
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend  # type: ignore[import-untyped]
from yoyo.connections import parse_uri  # type: ignore[import-untyped]
from yoyo.migrations import Migration, default_migration_table, topological_sort  # type: ignore[import-untyped]

from misstep.errors import MisstepError
from misstep.store.connect import Connection, asking, connect, place
from misstep.store.migration_files import engine_migrations
from misstep.store.months import ensure_months_ahead

LOCK: Final = 0x6D697373746570  # "misstep"

log = structlog.get_logger(__name__)


def pending(dsn: str, *, also: Sequence[Path] = ()) -> list[str]:
    """Names of the migrations that `migrate` would apply, in their order. Changes nothing.

    `also` are further directories of SQL migrations, such as a project's own. Raises ServerUnreachable.
    """
    with asking(dsn) as connection:
        return [migration.id for migration in _pending(connection, also)]


def dry_run(dsn: str, *, also: Sequence[Path] = ()) -> list[tuple[str, str]]:
    """(name, SQL) of each migration that `migrate` would apply. Changes nothing. Raises ServerUnreachable."""
    with asking(dsn) as connection:
        return [(migration.id, Path(migration.path).read_text("utf-8")) for migration in _pending(connection, also)]


def migrate(dsn: str, *, also: Sequence[Path] = ()) -> list[str]:
    """Apply what is pending, each migration in a transaction of its own, and return the names.

    Safe to call again and from several places at once: an advisory lock lets one work while the others wait. Raises
    ServerUnreachable, or MisstepError naming the migration that Postgres refused.
    """
    with asking(dsn) as connection, _alone(connection):
        backend = _Backend(dsn)
        try:
            backend.ensure_internal_schema_updated()
            applied = []
            for migration in _pending(connection, also):
                try:
                    backend.apply_one(migration)
                except psycopg.OperationalError:
                    raise
                except psycopg.Error as error:
                    raise MisstepError(
                        f"migration {migration.id} was refused by Postgres at {place(dsn)} and undone: {error}"
                    ) from error
                applied.append(migration.id)
                log.info("migration applied", migration=migration.id, postgres=place(dsn))
            ensure_months_ahead(connection)
            return applied
        finally:
            backend.connection.close()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Held by the session: a migrating process that dies lets go at once, which yoyo's own lock row would not."""
    connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _pending(connection: Connection, also: Sequence[Path]) -> list[Migration]:
    known: set[str] = set()
    if connection.execute("SELECT to_regclass(%s)", [default_migration_table]).fetchone() != (None,):
        known = {row[0] for row in connection.execute(f"SELECT migration_hash FROM {default_migration_table}")}
    found: dict[str, Migration] = {}
    for directory in (engine_migrations(), *also):
        for migration in read_migrations(str(directory.resolve())):
            found.setdefault(migration.id, migration)
    return list(topological_sort(m for _, m in sorted(found.items()) if m.hash not in known))


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo on one of our own connections: any DSN that libpq reads, and our lock in place of yoyo's."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._is_locked = True
        super().__init__(parse_uri("postgresql+psycopg:///"), default_migration_table)
        self.has_transactional_ddl = True

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        """Apply a migration and note it in the same transaction.

        yoyo does the two on two connections: killed between them, it would try the migration a second time.
        """
        migration.load()
        if not migration.use_transactions:
            migration.process_steps(self, "apply", force=force)
        with self.transaction():
            if migration.use_transactions:
                migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            self.mark_one(migration, log=False)

    def connect(self, dburi: Any) -> Connection:
        connection = connect(self._dsn, application="misstep migrate")
        connection.add_notice_handler(lambda notice: log.info("notice", postgres=notice.message_primary))
        return connection

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """yoyo asks for the login's name and the host's full name: the one fails in a container whose user has no
        name, the other waits for a name server."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": str(os.getuid()) if hasattr(os, "getuid") else "",
            "hostname": os.uname().nodename if hasattr(os, "uname") else "",
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }
