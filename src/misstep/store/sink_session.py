"""The sink's connection: least rights, short patience."""

from __future__ import annotations

import structlog

from misstep.store.connect import Connection, connect, place

ROLE = "misstep_sink"

log = structlog.get_logger(__name__)


def sink_session(dsn: str, group: str) -> Connection:
    """A connection that may add rows and nothing else, where the role `misstep_sink` can be taken.

    Raises ServerUnreachable.
    """
    connection = connect(dsn, application=f"{group}"[:63])
    try:
        # A sink that stands still inside a transaction must not hold its offsets against the one that took over.
        connection.execute("SET idle_in_transaction_session_timeout = '30s'")
        connection.execute("SET statement_timeout = '50s'")
        # A crash of Postgres may lose the last commits, rows and offsets alike; the sink reads them from Kafka again.
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET timezone = 'UTC'")
        may = connection.execute(
            "SELECT pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", [ROLE]
        ).fetchone()
        if may and may[0]:
            connection.execute(f"SET ROLE {ROLE}")
        else:
            log.info("the audit sink runs as the user that it logs in as", role=ROLE, postgres=place(dsn))
    except BaseException:
        connection.close()
        raise
    return connection
