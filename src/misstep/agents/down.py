"""Which exceptions mean that a dependency is down, and how long it asks to be left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DOWN_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""HTTP answers that time may mend: RFC 9110 and 6585, and 529 (overloaded), which model providers send."""

DRIVERS: Final[Mapping[str, frozenset[str]]] = {
    "psycopg": frozenset({"OperationalError", "InterfaceError"}),
    "psycopg2": frozenset({"OperationalError", "InterfaceError"}),
    "psycopg_pool": frozenset({"PoolTimeout", "PoolClosed", "TooManyRequests"}),
    "asyncpg": frozenset(
        {"PostgresConnectionError", "CannotConnectNowError", "TooManyConnectionsError", "InterfaceError"}
    ),
    "sqlalchemy": frozenset({"OperationalError", "InterfaceError", "TimeoutError"}),
    "pymysql": frozenset({"OperationalError", "InterfaceError"}),
    "redis": frozenset({"ConnectionError", "TimeoutError"}),
    "httpx": frozenset({"TransportError"}),
    "httpcore": frozenset({"NetworkError", "TimeoutException", "ProtocolError", "ProxyError"}),
    "aiohttp": frozenset({"ClientConnectionError", "ClientPayloadError"}),
    "openai": frozenset({"APIConnectionError"}),
    "anthropic": frozenset({"APIConnectionError"}),
}
"""Package -> its exceptions that mean so, subclasses included. By name, so that none of them has to be installed."""


def is_down(error: BaseException) -> bool:
    """Does this exception mean that the other side is down, and not that we asked for something wrong?

    An HTTP status decides where there is one (urllib's and requests' errors are OSErrors even for a 404).
    """
    status = http_status(error)
    if status is not None:
        return status in DOWN_STATUS
    if isinstance(error, OSError):
        return True
    return any(kind.__name__ in DRIVERS.get(kind.__module__.partition(".")[0], ()) for kind in type(error).__mro__)


def http_status(error: BaseException) -> int | None:
    """The HTTP status that an exception tells of: its own, or its response's."""
    for bearer in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            status = getattr(bearer, name, None)
            if isinstance(status, int) and 100 <= status < 600:
                return status
    return None


def retry_after_s(error: BaseException) -> float:
    """Seconds that the other side asked to wait (`Retry-After` in seconds); 0 when it did not."""
    for bearer in (error, getattr(error, "response", None)):
        get = getattr(getattr(bearer, "headers", None), "get", None)
        asked = get("Retry-After") if callable(get) else None
        if isinstance(asked, str) and asked.strip().isdigit():
            return float(asked)
    return 0.0
