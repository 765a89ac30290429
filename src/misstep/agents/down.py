"""Which exceptions mean that a dependency is down, and how long it asks to be left alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from misstep.errors import ServerUnreachable

RETRY_AFTER_MAX_S: Final = 3600.0

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


_SECONDS = re.compile(r"[0-9]+")


def is_down(error: BaseException) -> bool:
    """Does this exception mean that the other side is down, and not that we asked for something wrong?

    An HTTP status decides where there is one (urllib's and requests' errors are OSErrors even for a 404).
    """
    status = http_status(error)
    if status is not None:
        return status in DOWN_STATUS
    if isinstance(error, OSError | ServerUnreachable):
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


def retry_after_s(error: BaseException, now: Callable[[], float] = time.time) -> float:
    """Seconds that the other side asked to wait (`Retry-After`, RFC 9110: seconds or a date); 0 when it did not.

    An hour at most: a longer wait is asked for again. A date is compared with the answer's own `Date` where there is
    one, so that clocks that differ do no harm, else with `now` (seconds since the epoch). What cannot be read counts as
    not asked.
    """
    for bearer in (error, getattr(error, "response", None)):
        headers = getattr(bearer, "headers", None)
        asked = _header(headers, "Retry-After")
        if asked is None:
            continue
        if _SECONDS.fullmatch(asked):
            return float(min(int(asked[:9]), RETRY_AFTER_MAX_S))
        until = _moment(asked)
        if until is not None:
            answered = _moment(_header(headers, "Date") or "")
            return min(max(0.0, until - (now() if answered is None else answered)), RETRY_AFTER_MAX_S)
    return 0.0


def _header(headers: object, name: str) -> str | None:
    get = getattr(headers, "get", None)
    if not callable(get):
        return None
    found = get(name, None) or get(name.lower(), None)
    return found.strip() if isinstance(found, str) else None


def _moment(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date in any of its three forms; None for what is none."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
