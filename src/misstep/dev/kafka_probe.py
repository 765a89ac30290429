"""Does a Kafka broker answer? Asked in Kafka's own protocol, so that a broker that is still loading says no.

Raw sockets instead of an AdminClient: a client of librdkafka writes a line for each refused connection, and backs off
for longer than the broker needs to start.
"""

import socket
import struct

from misstep.dev.ports import HOST

_METADATA, _METADATA_VERSION = 3, 1
_FIND_COORDINATOR, _FIND_COORDINATOR_VERSION = 10, 1
_GROUP, _TRANSACTION = 0, 1
_CLIENT = b"misstep"


def answers(port: int, timeout_s: float = 2.0) -> bool:
    """Whether the broker on 127.0.0.1 names at least one broker that may be used: itself, once it is admitted."""
    # Asked about no topics. The answer begins with the number of brokers.
    reply = _ask(port, _METADATA, _METADATA_VERSION, struct.pack(">i", 0), timeout_s)
    return len(reply) >= 4 and int.from_bytes(reply[:4], signed=True) > 0


def coordinates(port: int, timeout_s: float = 2.0) -> bool:
    """Whether groups and transactions have their coordinators.

    Asking makes a new broker create the topics in which it keeps them, so that the first client need not wait for it.
    """
    for kind in (_GROUP, _TRANSACTION):
        question = struct.pack(f">h{len(_CLIENT)}sb", len(_CLIENT), _CLIENT, kind)
        # The answer begins with the throttle time and the error code.
        reply = _ask(port, _FIND_COORDINATOR, _FIND_COORDINATOR_VERSION, question, timeout_s)
        if len(reply) < 6 or int.from_bytes(reply[4:6], signed=True) != 0:
            return False
    return True


def _ask(port: int, api: int, version: int, question: bytes, timeout_s: float) -> bytes:
    """The answer's bytes after its correlation id; empty when there is none in time."""
    request = struct.pack(f">hhih{len(_CLIENT)}s", api, version, 1, len(_CLIENT), _CLIENT) + question
    try:
        with socket.create_connection((HOST, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(request)) + request)
            stream = connection.makefile("rb")
            size = int.from_bytes(stream.read(4))
            reply = stream.read(size)
    except OSError:
        return b""
    return reply[4:] if size and len(reply) == size else b""
