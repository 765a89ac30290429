"""Checkpoints in Postgres: what the steps of a turn came to, until its case has an outcome."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import psycopg
from pydantic import JsonValue

from misstep.errors import ServerUnreachable
from misstep.store.async_connections import AsyncConnection, AsyncConnections
from misstep.store.checkpoint import TurnPlace
from misstep.store.connect import Connection, place
from misstep.store.stored_case_id import stored_case_id

T = TypeVar("T")

ROLE: Final = "misstep_worker"
LEFT_OVER_DAYS: Final = 30

_LOAD: Final = "SELECT value::text FROM checkpoints WHERE namespace = %s AND turn = %s AND epoch = %s AND step = %s"
_SAVE: Final = """
    INSERT INTO checkpoints (namespace, turn, epoch, step, workflow, case_id, function, value)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s::json) ON CONFLICT DO NOTHING
"""
_OF_TURN: Final = """
    SELECT step, value::text FROM checkpoints WHERE namespace = %s AND turn = %s ORDER BY epoch, saved_at, step
"""
_FORGET: Final = """
    DELETE FROM checkpoints WHERE namespace = %s AND workflow = %s
    AND (case_id, epoch) IN (SELECT * FROM unnest(%s::text[], %s::int[]))
"""
_LEFT_OVER: Final = """
    DELETE FROM checkpoints WHERE namespace = %s AND workflow = %s AND saved_at < now() - make_interval(days => %s)
"""


class PostgresCheckpoints:
    """The checkpoints of one namespace, for one event loop. Postgres is reached when a step is first used."""

    def __init__(self, dsn: str | None, namespace: str) -> None:
        """dsn: None when none is known; then every call raises ServerUnreachable."""
        self._dsn = dsn
        self._namespace = namespace
        self._connections: AsyncConnections | None = None

    async def load(self, turn: TurnPlace, step: str) -> str | None:
        """See CheckpointStore."""

        async def work(connection: AsyncConnection) -> str | None:
            return await self._loaded(connection, turn, step)

        return await self._run(work)

    async def save(self, turn: TurnPlace, step: str, value: str, *, function: str = "") -> str:
        """See CheckpointStore."""

        async def work(connection: AsyncConnection) -> str:
            row = (_stored(turn.key), turn.epoch, step, turn.workflow, _stored(turn.case_id), function, value)
            inserted = await connection.execute(_SAVE, (self._namespace, *row))
            if inserted.rowcount == 1:
                return value
            return await self._loaded(connection, turn, step) or value

        return await self._run(work)

    async def of_turn(self, key: str) -> dict[str, JsonValue]:
        """See CheckpointStore."""

        async def work(connection: AsyncConnection) -> dict[str, JsonValue]:
            found = await connection.execute(_OF_TURN, (self._namespace, _stored(key)))
            return {step: json.loads(value) for step, value in await found.fetchall()}

        return await self._run(work)

    async def forget(self, workflow: str, case_id: str, epoch: int) -> int:
        """See CheckpointStore."""

        async def work(connection: AsyncConnection) -> int:
            gone = await connection.execute(_FORGET, (self._namespace, workflow, [_stored(case_id)], [epoch]))
            return gone.rowcount

        return await self._run(work)

    async def close(self) -> None:
        """Close the connections; the next call opens anew."""
        if self._connections is not None:
            await self._connections.close()

    async def _loaded(self, connection: AsyncConnection, turn: TurnPlace, step: str) -> str | None:
        found = await connection.execute(_LOAD, (self._namespace, _stored(turn.key), turn.epoch, step))
        row = await found.fetchone()
        return str(row[0]) if row else None

    async def _run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        if self._dsn is None:
            raise ServerUnreachable(
                "turn.step remembers in Postgres, and none is known; start it with `misstep up`, or set "
                "MISSTEP_POSTGRES."
            )
        if self._connections is None:
            self._connections = AsyncConnections(self._dsn, application=f"{self._namespace} checkpoints", role=ROLE)
        try:
            return await self._connections.run(work)
        except psycopg.errors.UndefinedTable:
            raise ServerUnreachable(
                f"Postgres at {place(self._dsn)} has no table of checkpoints yet; run `misstep apply`."
            ) from None


def forget_ended(connection: Connection, namespace: str, workflow: str, ended: Sequence[tuple[str, int]]) -> None:
    """Forget the checkpoints of these (case id, epoch), which have their outcome; in the caller's transaction."""
    cases, epochs = [_stored(case_id) for case_id, _ in ended], [epoch for _, epoch in ended]
    connection.execute(_FORGET, (namespace, workflow, cases, epochs))


def forget_left_over(connection: Connection, namespace: str, workflow: str) -> None:
    """Forget what is LEFT_OVER_DAYS old: a turn that was cancelled or fenced may save after its case's outcome."""
    connection.execute(_LEFT_OVER, (namespace, workflow, LEFT_OVER_DAYS))


def _stored(key: str) -> str:
    """Short enough for an index, and without the one character that Postgres does not take."""
    return stored_case_id(key.replace("\0", "\\0"))
