"""What the agents change in the world outside: rows of Postgres, lines of a file; each under its idempotency key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os

import psycopg

JOURNAL = "CHAOS_JOURNAL"
"""Names the file of the effects that need no server."""
PATIENCE_S = 3.0
WRITE = """
INSERT INTO effects (key, what, workflow, step, case_id) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (key, what) DO UPDATE SET times = effects.times + 1
"""

Effect = tuple[str, str, str, str, str]
"""Key, what (`do` or `undo`), workflow, step, case id."""


def note(key: str, what: str, workflow: str, step: str, case_id: str) -> None:
    """An effect that is there at once: one line, appended in one call, which outlives a killed process."""
    line = json.dumps([key, what, workflow, step, case_id]) + "\n"
    handle = os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


class Effects:
    """Writes to the table `effects`, whatever waits in one transaction."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: list[tuple[Effect, asyncio.Future[None]]] = []
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._busy = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, effect: Effect) -> None:
        """Raises ConnectionError when it is not known whether the effect has happened."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((effect, done))
        if not self._busy:
            self._busy = True
            task = asyncio.create_task(self._write_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await done

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await asyncio.wait_for(self._write([effect for effect, _ in batch]), PATIENCE_S)
                except Exception as error:  # noqa: BLE001  # a server that is killed, frozen or starting
                    self._hang_up()
                    why = ConnectionError(f"Postgres: {type(error).__name__} {' '.join(str(error).split())[:200]}")
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(why)
                else:
                    for _, done in batch:
                        if not done.done():
                            done.set_result(None)
        finally:
            self._busy = False

    async def _write(self, effects: list[Effect]) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(self._dsn, connect_timeout=2)
        # In one order in every process, so that two that write the same effects do not wait for each other.
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            await cursor.executemany(WRITE, sorted(effects))

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.pgconn.finish()  # close() would wait for a server that is frozen

    async def close(self) -> None:
        """Hang up."""
        self._hang_up()
