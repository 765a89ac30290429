"""Does a Kafka broker answer? Asked in Kafka's own protocol, so that a broker that is still loading says no."""

import socket
import struct

from misstep.dev.ports import HOST

METADATA, METADATA_VERSION = 3, 1


def answers(port: int, timeout_s: float = 2.0) -> bool:
    """Whether the broker on 127.0.0.1 answers a metadata request and names at least one broker that may be used.

    A raw socket instead of an AdminClient: a client of librdkafka writes a line for each refused connection and
    backs off for longer than the broker needs to start.
    """
    client = b"misstep"
    # apiKey, apiVersion, correlationId, clientId; then the topics asked about: none.
    request = struct.pack(f">hhih{len(client)}si", METADATA, METADATA_VERSION, 1, len(client), client, 0)
    try:
        with socket.create_connection((HOST, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(request)) + request)
            reply = connection.makefile("rb")
            # size, correlationId, number of brokers: none while the broker is not yet admitted by the controller.
            head = reply.read(12)
    except OSError:
        return False
    if len(head) < 12:
        return False
    correlation: int
    brokers: int
    _, correlation, brokers = struct.unpack(">iii", head)
    return correlation == 1 and brokers > 0
