"""A TCP proxy in front of brokers that can be told to fail: cut, silence, delay, lose one kind of answer.

It forwards bytes. Only what a fault needs is read: the client's name and the kind of each request, which stand at the
front of every Kafka request, and the correlation id, which stands at the front of every answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from misstep.dev.ports import HOST

END_TXN: Final = 26
"""The kind (`api_key`) of the request that commits or aborts a transaction."""

Direction = Literal["to_broker", "from_broker", "both"]
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Rule:
    """What befalls connections. nodes: empty: all. client: how the client's name begins; empty: everybody's.

    silence: bytes in this direction stop, as on a network that is gone, and arrive when it is back. refuse: connections
    are reset and new ones refused. delay_s: each piece is late by so much. lose: answers to requests of this kind are
    thrown away and the connection is reset, after it has been mute for `mute_s`.
    """

    nodes: frozenset[int] = frozenset()
    client: str = ""
    silence: Direction | None = None
    refuse: bool = False
    delay_s: float = 0.0
    delay: Direction = "both"
    lose: int | None = None
    mute_s: float = 0.0
    at_most: int = 1_000_000
    """So many answers are lost."""


class _Connection:
    """One client's connection, both ways."""

    def __init__(self, node: int) -> None:
        self.node = node
        self.client = ""
        self.kinds: dict[int, int] = {}
        """Kind of each request that awaits its answer, by correlation id; kept only while answers are being lost."""
        self.writers: list[asyncio.StreamWriter] = []

    def reset(self) -> None:
        for writer in self.writers:
            transport = writer.transport
            if not transport.is_closing():
                transport.abort()


class Proxy:
    """Runs in a thread of its own. `impose` and `lift` may be called from anywhere."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._rules: dict[str, Rule] = {}
        self._connections: set[_Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._changed = asyncio.Event()
        self.lost = 0
        """Answers thrown away so far."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def listen(self, node: int, port: int, target: int) -> None:
        """Forward what comes to `port` to the port `target`, which is the node's."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(_Connection(node), target, reader, writer)

        async def serve() -> None:
            self._servers.append(await asyncio.start_server(accept, HOST, port, limit=4 * CHUNK))

        asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10)

    def impose(self, name: str, rule: Rule) -> None:
        """Let a rule hold from now on, until `lift(name)`."""
        self._in_loop(lambda: self._impose(name, rule))

    def lift(self, name: str) -> None:
        """End a rule; nothing when there is none of that name."""
        self._in_loop(lambda: self._impose(name, None))

    def reset(self, *, client: str = "", nodes: frozenset[int] = frozenset()) -> None:
        """Reset the present connections of a client (by the beginning of its name) or to nodes; all, without any."""

        def reset() -> None:
            for connection in list(self._connections):
                if connection.client.startswith(client) and (not nodes or connection.node in nodes):
                    connection.reset()

        self._in_loop(reset)

    def close(self) -> None:
        """Reset everything and end the thread."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _in_loop(self, do: Callable[[], None]) -> None:
        done = threading.Event()

        def call() -> None:
            do()
            done.set()

        self._loop.call_soon_threadsafe(call)
        done.wait(10)

    def _impose(self, name: str, rule: Rule | None) -> None:
        if rule is None:
            self._rules.pop(name, None)
        else:
            self._rules[name] = rule
            if rule.refuse:
                for connection in list(self._connections):
                    if self._meets(rule, connection):
                        connection.reset()
        self._changed.set()
        self._changed = asyncio.Event()

    @staticmethod
    def _meets(rule: Rule, connection: _Connection) -> bool:
        return (not rule.nodes or connection.node in rule.nodes) and connection.client.startswith(rule.client)

    async def _serve(
        self, connection: _Connection, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection.writers.append(writer)
        self._connections.add(connection)
        try:
            first = await reader.readexactly(4)
            first += await reader.readexactly(min(int.from_bytes(first), 4 * CHUNK))
            connection.client = _client_of(first)
            if any(rule.refuse and self._meets(rule, connection) for rule in self._rules.values()):
                return
            there, broker = await asyncio.open_connection(HOST, target, limit=4 * CHUNK)
            connection.writers.append(broker)
            ways = [
                asyncio.ensure_future(self._forward(connection, "to_broker", reader, broker, first)),
                asyncio.ensure_future(self._forward(connection, "from_broker", there, writer, b"")),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, EOFError):
            pass
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _forward(
        self,
        connection: _Connection,
        way: Literal["to_broker", "from_broker"],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        first: bytes,
    ) -> None:
        requests = _Frames() if way == "to_broker" else None
        answers = _Frames() if way == "from_broker" else None
        chunk = first
        try:
            while True:
                if not chunk:
                    chunk = await reader.read(CHUNK)
                    if not chunk:
                        return
                for rule in self._rules.values():
                    if rule.delay_s and rule.delay in (way, "both") and self._meets(rule, connection):
                        await asyncio.sleep(rule.delay_s)
                while any(
                    rule.silence in (way, "both") and self._meets(rule, connection) for rule in self._rules.values()
                ):
                    await self._changed.wait()
                if requests is not None:
                    for head in requests.heads(chunk):
                        connection.kinds[int.from_bytes(head[4:8])] = int.from_bytes(head[:2])
                        if len(connection.kinds) > 10_000:
                            connection.kinds.clear()
                elif answers is not None and (losing := self._losing(connection, answers.heads(chunk))) is not None:
                    self.lost += 1
                    await asyncio.sleep(losing.mute_s)
                    return
                writer.write(chunk)
                await writer.drain()
                chunk = b""
        except OSError:
            return

    def _losing(self, connection: _Connection, heads: list[bytes]) -> Rule | None:
        kinds = {connection.kinds.pop(int.from_bytes(head[:4]), -1) for head in heads}
        for name, rule in list(self._rules.items()):
            if rule.lose is not None and rule.lose in kinds and self._meets(rule, connection):
                left = rule.at_most - 1
                if left <= 0:
                    del self._rules[name]
                else:
                    self._rules[name] = replace(rule, at_most=left)
                return rule
        return None


class _Frames:
    """Finds the first eight bytes of each frame in a stream of Kafka's frames: a length of four bytes, then so many."""

    def __init__(self) -> None:
        self._left = 0
        """Bytes of the present frame that are still to come and need not be looked at."""
        self._kept = b""
        """The front of a frame, as far as it has come."""

    def heads(self, chunk: bytes) -> list[bytes]:
        found = []
        at = 0
        while at < len(chunk):
            if self._left:
                step = min(self._left, len(chunk) - at)
                self._left -= step
                at += step
                continue
            need = 12 - len(self._kept)
            self._kept += chunk[at : at + need]
            at += need
            if len(self._kept) < 12:
                if len(self._kept) >= 4 and len(self._kept) - 4 >= int.from_bytes(self._kept[:4]):
                    found.append(self._kept[4:])  # shorter than a head: an answer of nothing but its id
                    self._kept = b""
                continue
            size = int.from_bytes(self._kept[:4])
            found.append(self._kept[4:12])
            # A frame may be shorter than what was taken; only answers of four to seven bytes are, and none of ours is.
            self._left = max(0, size - 8)
            self._kept = b""
        return found


def _client_of(frame: bytes) -> str:
    """The client's name in a request: after length, kind, version and correlation id."""
    size = int.from_bytes(frame[12:14], signed=True)
    return frame[14 : 14 + size].decode("utf-8", "replace") if size > 0 else ""
