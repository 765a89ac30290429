"""TCP ports on 127.0.0.1."""

import random
import socket

from misstep.errors import MisstepError, UsageError

HOST = "127.0.0.1"

# Below the range from which kernels take the local ports of outgoing connections (32768 on Linux, 49152 elsewhere):
# a port chosen there would be taken by a passing client sooner or later, and could not be kept across restarts.
FIRST_PORT, LAST_PORT = 20000, 31999


class PortInUseError(UsageError):
    """Another process listens on the port."""


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # As servers do: connections of a predecessor that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port on which nothing listens. Raises MisstepError when 200 tries found none."""
    for _ in range(200):
        port = random.randint(FIRST_PORT, LAST_PORT)
        if is_free(port):
            return port
    raise MisstepError(f"no free port found on {HOST} between {FIRST_PORT} and {LAST_PORT}: stop what uses them.")


def require_free(port: int, server: str, option: str) -> None:
    """Raises UsageError when `port`, asked for by `option`, cannot be listened on by `server`."""
    if not 1 <= port <= 65535:
        raise UsageError(f"{option} {port} is not a TCP port: give one between 1024 and 65535.")
    if not is_free(port):
        raise PortInUseError(
            f"port {port} on {HOST} cannot be used for {server}, another process has it: "
            f"stop that process, or give another {option}, or none to have a free one chosen."
        )
