"""One way to reach Postgres, so that its absence reads the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from misstep.errors import MisstepError, ServerUnreachable, UsageError

Connection = psycopg.Connection[tuple[Any, ...]]

PATIENCE: Final = {
    "connect_timeout": 5,
    "client_encoding": "utf8",
    # A server that vanished without a word is noticed after half a minute instead of two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
}


def connect(dsn: str, *, application: str = "misstep") -> Connection:
    """A connection in autocommit mode. Raises ServerUnreachable, or UsageError for a DSN that is none."""
    try:
        parts: dict[str, Any] = {**PATIENCE, **conninfo_to_dict(dsn)}
    except psycopg.ProgrammingError as error:
        raise UsageError(
            f"the Postgres DSN cannot be read ({_line(error)}): use postgresql://user@host:port/name"
        ) from None
    parts.setdefault("application_name", application)
    try:
        return psycopg.connect(**{key: value for key, value in parts.items() if value is not None}, autocommit=True)
    except psycopg.OperationalError as error:
        raise unreachable(dsn, error) from error


@contextmanager
def asking(dsn: str) -> Iterator[Connection]:
    """A connection for a question; what goes wrong on the way is one sentence (ServerUnreachable, UsageError)."""
    with connect(dsn) as connection:
        try:
            yield connection
        except psycopg.OperationalError as error:
            raise unreachable(dsn, error) from error
        except psycopg.errors.UndefinedTable as error:
            raise _missing(dsn, error) from error
        except psycopg.errors.UndefinedObject as error:
            raise _missing(dsn, error) from error
        except psycopg.errors.UndefinedColumn as error:
            raise UsageError(
                f"The tables of Postgres at {place(dsn)} are older than this version ({error.diag.message_primary}): "
                "run `misstep apply`"
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise UsageError(
                f"Postgres at {place(dsn)} refuses this user ({error.diag.message_primary}): grant it the role that "
                "this needs, such as misstep_operator"
            ) from error


def unreachable(dsn: str, error: psycopg.Error) -> ServerUnreachable:
    """The sentence for a server that does not answer; it never holds a password."""
    return ServerUnreachable(
        f"Postgres at {place(dsn)} does not answer ({_line(error)}): "
        "start it with `misstep up`, or set MISSTEP_POSTGRES"
    )


def place(dsn: str) -> str:
    """host:port/database of a DSN, without user and password."""
    parts = conninfo_to_dict(dsn)
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"


def _missing(dsn: str, error: psycopg.Error) -> MisstepError:
    return UsageError(f"Postgres at {place(dsn)} has no audit tables yet ({_line(error)}): run `misstep apply`")


def _line(error: psycopg.Error) -> str:
    text = str(error).strip()
    return text.splitlines()[-1].strip() if text else type(error).__name__
