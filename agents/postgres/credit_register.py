"""The credit register in Postgres: an application stands in it once."""

from __future__ import annotations

import psycopg
from rooms.agents.credit_register import Loan, Refused
from rooms.agents.postgres.connections import Connection, Connections

_ENTER = """
INSERT INTO credit_register (namespace, idempotency_key, case_id, application_id, amount) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (namespace, idempotency_key) DO NOTHING
RETURNING entry_id
"""
_ENTERED = "SELECT entry_id, withdrawn_at FROM credit_register WHERE namespace = %s AND idempotency_key = %s"
_STANDING = """
SELECT case_id FROM credit_register WHERE namespace = %s AND application_id = %s AND withdrawn_at IS NULL
"""
# As with the funds: taken out before it was entered, it is refused when it comes.
_WITHDRAW = """
INSERT INTO credit_register (namespace, idempotency_key, withdrawn_at) VALUES (%s, %s, now())
ON CONFLICT (namespace, idempotency_key)
DO UPDATE SET withdrawn_at = coalesce(credit_register.withdrawn_at, excluded.withdrawn_at)
RETURNING entry_id, application_id
"""


class PostgresRegister:
    """A `CreditRegister` of one namespace."""

    def __init__(self, connections: Connections, namespace: str) -> None:
        self._connections = connections
        self._namespace = namespace

    async def enter(self, loan: Loan, *, key: str) -> str:
        named = (self._namespace, key)

        async def work(connection: Connection) -> str:
            said = (loan.case_id, loan.application_id, loan.amount)
            try:
                new = await (await connection.execute(_ENTER, (*named, *said))).fetchone()
            except psycopg.errors.UniqueViolation:
                standing = (self._namespace, loan.application_id)
                other = await (await connection.execute(_STANDING, standing)).fetchone()
                by = f", by case {other[0]}" if other else ""
                raise Refused(f"application {loan.application_id} stands there already{by}") from None
            if new is not None:
                return str(new[0])
            found = await (await connection.execute(_ENTERED, named)).fetchone()
            if found is None:
                raise ConnectionError(f"the entry {named} vanished between two statements")
            if found[1] is not None:
                raise Refused(f"the entry of the key {key} was taken out")
            return str(found[0])

        return await self._connections.run(work)

    async def withdraw(self, key: str) -> str | None:
        async def work(connection: Connection) -> str | None:
            found = await (await connection.execute(_WITHDRAW, (self._namespace, key))).fetchone()
            assert found is not None
            return None if found[1] is None else str(found[0])

        return await self._connections.run(work)
