"""Which node is the active controller? Asked in Kafka's own protocol: no client of librdkafka knows how."""

from __future__ import annotations

import socket
import struct

from misstep.dev.ports import HOST

_DESCRIBE_QUORUM, _VERSION = 55, 0
_TOPIC = b"__cluster_metadata"
_CLIENT = b"chaos"


def active_controller(port: int, timeout_s: float = 5.0) -> int | None:
    """The node that leads the metadata quorum, as the broker on 127.0.0.1 knows it; None when it does not say."""
    # Compact lengths count one more than there is; each structure ends with its tagged fields, of which there are none.
    body = b"\x02" + bytes([len(_TOPIC) + 1]) + _TOPIC + b"\x02" + struct.pack(">i", 0) + b"\0\0\0"
    head = struct.pack(f">hhih{len(_CLIENT)}sb", _DESCRIBE_QUORUM, _VERSION, 1, len(_CLIENT), _CLIENT, 0)
    request = head + body
    try:
        with socket.create_connection((HOST, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(request)) + request)
            stream = connection.makefile("rb")
            reply = stream.read(int.from_bytes(stream.read(4)))
    except OSError:
        return None
    # Correlation id, tags, error code, one topic, its name, one partition, its number and error code, the leader.
    at = 4 + 1 + 2 + 1 + 1 + len(_TOPIC) + 1 + 4 + 2
    if len(reply) < at + 4 or reply[5:7] != b"\0\0":
        return None
    return int.from_bytes(reply[at : at + 4], signed=True)
