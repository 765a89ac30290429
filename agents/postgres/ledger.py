"""The ledger in Postgres: one statement an entry, and the database itself refuses what does not balance."""

from __future__ import annotations

import psycopg
from rooms.agents.invoice_ledger import Entry, Unbookable
from rooms.agents.postgres.connections import Connection, Connections

_BOOK = """
WITH entry AS (
    INSERT INTO ledger_entries
        (namespace, idempotency_key, case_id, document, supplier, order_number, purchased_on, currency)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (namespace, idempotency_key) DO NOTHING
    RETURNING entry_id
), lines AS (
    INSERT INTO ledger_lines (entry_id, line, account, amount)
    SELECT entry_id, side.line, side.account, side.amount
    FROM entry, unnest(%s::text[], %s::numeric[]) WITH ORDINALITY AS side (account, amount, line)
)
SELECT entry_id FROM entry
"""
_BOOKED = """
SELECT entry_id, currency, array_agg(account ORDER BY line), array_agg(amount ORDER BY line)
FROM ledger_entries JOIN ledger_lines USING (entry_id)
WHERE namespace = %s AND idempotency_key = %s
GROUP BY entry_id
"""
_REVERSE = """
WITH booked AS (
    SELECT * FROM ledger_entries WHERE namespace = %(namespace)s AND idempotency_key = %(key)s
), entry AS (
    INSERT INTO ledger_entries
        (namespace, idempotency_key, case_id, document, supplier, order_number, purchased_on, currency, reverses)
    SELECT namespace, %(reversing_key)s, case_id, document, supplier, order_number, purchased_on, currency, entry_id
    FROM booked
    ON CONFLICT DO NOTHING
    RETURNING entry_id, reverses
), lines AS (
    INSERT INTO ledger_lines (entry_id, line, account, amount)
    SELECT entry.entry_id, line, account, -amount
    FROM entry JOIN ledger_lines booked ON booked.entry_id = entry.reverses
)
SELECT reverses, entry_id FROM entry
"""
_REVERSED = """
SELECT booked.entry_id, opposite.entry_id
FROM ledger_entries booked JOIN ledger_entries opposite ON opposite.reverses = booked.entry_id
WHERE booked.namespace = %(namespace)s AND booked.idempotency_key = %(key)s
"""


class PostgresLedger:
    """A `Ledger` of one namespace: environments that share a server do not take each other's entries for theirs."""

    def __init__(self, connections: Connections, namespace: str) -> None:
        self._connections = connections
        self._namespace = namespace

    async def book(self, entry: Entry, *, key: str) -> str:
        accounts = [line.account for line in entry.lines]
        amounts = [line.amount for line in entry.lines]

        async def work(connection: Connection) -> str:
            described = (entry.document, entry.supplier, entry.order_number, entry.purchased_on, entry.currency)
            named = (self._namespace, key, entry.case_id)
            new = await (await connection.execute(_BOOK, (*named, *described, accounts, amounts))).fetchone()
            if new is not None:
                return str(new[0])
            booked = await (await connection.execute(_BOOKED, (self._namespace, key))).fetchone()
            if booked is None or (booked[1], booked[2], booked[3]) != (entry.currency, accounts, amounts):
                raise Unbookable(f"the key {key} stands for another entry{f', {booked[0]}' if booked else ''}")
            return str(booked[0])

        try:
            return await self._connections.run(work)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise Unbookable(f"the ledger refuses the entry: {error.diag.message_primary or error}") from error

    async def reverse(self, key: str, *, reversing_key: str) -> tuple[str, str] | None:
        named = {"namespace": self._namespace, "key": key, "reversing_key": reversing_key}

        async def work(connection: Connection) -> tuple[str, str] | None:
            for question in (_REVERSE, _REVERSED):
                found = await (await connection.execute(question, named)).fetchone()
                if found is not None:
                    return str(found[0]), str(found[1])
            return None

        return await self._connections.run(work)
