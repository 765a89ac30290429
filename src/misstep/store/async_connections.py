"""A few connections to Postgres for one event loop, made when they are needed and again when they break."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from misstep.errors import UsageError
from misstep.store.connect import PATIENCE, unreachable

T = TypeVar("T")
AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]

CONNECT_TIMEOUT_S: Final = 2


class AsyncConnections:
    """At most `most` connections in autocommit mode, as `role` where the login may take it."""

    def __init__(self, dsn: str, *, application: str, role: str, most: int = 4) -> None:
        self._dsn = dsn
        self._application = application[:63]
        self._role = role
        self._free = asyncio.Semaphore(most)
        self._idle: list[AsyncConnection] = []

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` makes of a connection of its own. It is done a second time when a connection that was kept turns
        out to be dead (Postgres was restarted), so it must be something that may be done twice.

        Raises ServerUnreachable when Postgres does not answer, or was lost on the way.
        """
        async with self._free:
            try:
                if self._idle:
                    try:
                        return await self._with(self._idle.pop(), work)
                    except (psycopg.OperationalError, psycopg.InterfaceError):
                        await self.close()
                return await self._with(await self._connect(), work)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                await self.close()
                raise unreachable(self._dsn, error) from error

    async def close(self) -> None:
        """Close what is idle; the next call opens anew."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def _with(self, connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        try:
            return await _interruptible(connection, work(connection))
        finally:
            if not connection.closed:
                if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    connection.pgconn.finish()

    async def _connect(self) -> AsyncConnection:
        try:
            parts: dict[str, Any] = {**PATIENCE, "connect_timeout": CONNECT_TIMEOUT_S, **conninfo_to_dict(self._dsn)}
        except psycopg.ProgrammingError as error:
            raise UsageError(
                f"the Postgres DSN cannot be read ({error}): use postgresql://user@host:port/name"
            ) from None
        parts.setdefault("application_name", self._application)
        connection = await psycopg.AsyncConnection.connect(**parts, autocommit=True)
        may = await connection.execute(
            "SELECT pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", [self._role]
        )
        if (row := await may.fetchone()) and row[0]:
            await connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(self._role)))
        return connection


async def _interruptible(connection: AsyncConnection, work: Awaitable[T]) -> T:
    """`work`, and at once out of it when the turn is cancelled; the connection is then cut.

    psycopg would first ask the server to cancel the query and wait for that, ten seconds where the server is frozen.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            _cut(connection)
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()
        await connection.close()
        raise


def _cut(connection: AsyncConnection) -> None:
    """Hang up, and leave the descriptor open: closed, it would be the next connection's while psycopg waits on it."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
