"""The money put aside, in Postgres: one row a key, so that who comes first with a key decides what it stands for."""

from __future__ import annotations

from rooms.agents.credit_funds import Reservation, Unreservable
from rooms.agents.postgres.connections import Connection, Connections

_RESERVE = """
INSERT INTO credit_reservations (namespace, idempotency_key, case_id, application_id, amount)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (namespace, idempotency_key) DO NOTHING
RETURNING reservation_id
"""
_RESERVED = """
SELECT reservation_id, case_id, application_id, amount, released_at FROM credit_reservations
WHERE namespace = %s AND idempotency_key = %s
"""
# A release that comes first leaves a row of its own: a reservation that is still on its way is refused by it.
_RELEASE = """
INSERT INTO credit_reservations (namespace, idempotency_key, released_at) VALUES (%s, %s, now())
ON CONFLICT (namespace, idempotency_key)
DO UPDATE SET released_at = coalesce(credit_reservations.released_at, excluded.released_at)
RETURNING reservation_id, amount
"""


class PostgresFunds:
    """`Funds` of one namespace."""

    def __init__(self, connections: Connections, namespace: str) -> None:
        self._connections = connections
        self._namespace = namespace

    async def reserve(self, reservation: Reservation, *, key: str) -> str:
        named = (self._namespace, key)
        said = (reservation.case_id, reservation.application_id, reservation.amount)

        async def work(connection: Connection) -> str:
            new = await (await connection.execute(_RESERVE, (*named, *said))).fetchone()
            if new is not None:
                return str(new[0])
            found = await (await connection.execute(_RESERVED, named)).fetchone()
            if found is None:
                raise ConnectionError(f"the reservation {named} vanished between two statements")
            number, *rest, released_at = found
            if released_at is not None:
                raise Unreservable(f"what was reserved by the key {key} was released")
            if tuple(rest) != said:
                raise Unreservable(f"the key {key} stands for another reservation, {number}")
            return str(number)

        return await self._connections.run(work)

    async def release(self, key: str) -> str | None:
        async def work(connection: Connection) -> str | None:
            found = await (await connection.execute(_RELEASE, (self._namespace, key))).fetchone()
            assert found is not None
            return None if found[1] is None else str(found[0])

        return await self._connections.run(work)
