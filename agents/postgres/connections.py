"""A few connections to Postgres for one event loop, made when they are needed and again when they break."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")
Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Connections:
    """At most `most` connections in autocommit mode."""

    def __init__(self, dsn: str, *, application: str, most: int = 4, connect_timeout_s: int = 2) -> None:
        self._dsn = dsn
        self._application = application
        self._connect_timeout_s = connect_timeout_s
        self._free = asyncio.Semaphore(most)
        self._idle: list[Connection] = []

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What `work` makes of a connection of its own.

        Raises ConnectionError when Postgres cannot be reached, or was lost on the way: then whether `work` took effect
        is unknown. After one such loss no idle connection is trusted: the next call makes a new one.
        """
        async with self._free:
            try:
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    return await _interruptible(connection, work(connection))
                finally:
                    self._keep(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                await self.close()
                raise ConnectionError(f"Postgres: {' '.join(str(error).split()) or type(error).__name__}") from error

    async def close(self) -> None:
        """Close what is idle; the next call opens anew."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    def _keep(self, connection: Connection) -> None:
        if connection.closed:
            return
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            connection.pgconn.finish()

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=self._connect_timeout_s,
            application_name=self._application,
            client_encoding="utf8",
        )


async def _interruptible(connection: Connection, work: Awaitable[T]) -> T:
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


def _cut(connection: Connection) -> None:
    """Hang up, and leave the descriptor open: closed, it would be the next connection's while psycopg waits on it."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
