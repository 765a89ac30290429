"""Remittance notes on a real Postgres."""

from typing import Any

import psycopg
from rooms.agents.invoice_remittances import Note
from rooms.agents.postgres.connections import Connections
from rooms.agents.postgres.remittances import PostgresRemittances

from tests.invoice.postgres.conftest import with_connections

NOTE = Note("case-1", "7", "KEDAI", "your receipt is booked")


def test_a_note_is_written_once_however_often_it_is_asked_for(
    dsn: str, db: psycopg.Connection[tuple[Any, ...]], namespace: str
) -> None:
    async def thrice(connections: Connections) -> list[str]:
        remittances = PostgresRemittances(connections, namespace)
        return [await remittances.write(NOTE, key="k") for _ in range(3)]

    assert len(set(with_connections(dsn, thrice))) == 1
    written = db.execute("SELECT entry_id, body FROM remittance_notes WHERE namespace = %s", [namespace]).fetchall()
    assert written == [("7", "your receipt is booked")]
