"""A line to a server that a test can cut and mend."""

from __future__ import annotations

import contextlib
import socket
import threading

import psycopg
from psycopg.conninfo import conninfo_to_dict


class Line:
    """Forwards 127.0.0.1:port to a Postgres."""

    def __init__(self, dsn: str) -> None:
        parts = conninfo_to_dict(dsn)
        self._target = (str(parts["host"]), int(parts.get("port") or 5432))
        self._ends: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.dsn = psycopg.conninfo.make_conninfo(dsn, host="127.0.0.1", port=self.port)
        self._accept()

    def cut(self) -> None:
        """Refuse whoever comes, and hang up on everybody."""
        # closed alone, a listener still takes whoever the accepting thread waits for
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Listen again at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accept()

    def _accept(self) -> None:
        def run(listener: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(self._target)
                    self._ends |= {client, server}
                    for one, other in ((client, server), (server, client)):
                        threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

        threading.Thread(target=run, args=(self._listener,), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends -= {one, other}
