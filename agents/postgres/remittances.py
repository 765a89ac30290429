"""Remittance notes in Postgres."""

from __future__ import annotations

from rooms.agents.invoice_remittances import Note
from rooms.agents.postgres.connections import Connection, Connections

_WRITE = """
INSERT INTO remittance_notes (namespace, idempotency_key, case_id, entry_id, supplier, body)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (namespace, idempotency_key) DO NOTHING
RETURNING note_id
"""
_WRITTEN = "SELECT note_id FROM remittance_notes WHERE namespace = %s AND idempotency_key = %s"


class PostgresRemittances:
    """A `Remittances` of one namespace."""

    def __init__(self, connections: Connections, namespace: str) -> None:
        self._connections = connections
        self._namespace = namespace

    async def write(self, note: Note, *, key: str) -> str:
        named = (self._namespace, key)

        async def work(connection: Connection) -> str:
            values = (*named, note.case_id, note.entry_id, note.supplier, note.text)
            found = await (await connection.execute(_WRITE, values)).fetchone()
            if found is None:
                found = await (await connection.execute(_WRITTEN, named)).fetchone()
            if found is None:
                raise ConnectionError(f"the note {named} vanished between two statements")
            return str(found[0])

        return await self._connections.run(work)
