"""A frozen server keeps its connections open and never answers; somebody has to hang up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from misstep.store.connect import Connection


@contextmanager
def hang_up_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection if the block takes longer; what waits on it then raises psycopg.OperationalError."""
    timer = threading.Timer(seconds, _hang_up, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    if connection.closed:
        return
    # A copy of the descriptor: closing it here leaves the connection's own to its owner.
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as line:
        line.shutdown(socket.SHUT_RDWR)
