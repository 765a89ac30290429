"""What is known of the embedded servers: the file that every other command reads."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from misstep.dev.atomic_file import write_atomically

Condition = Literal["up", "down", "not answering"]


@dataclass(frozen=True, slots=True)
class KafkaState:
    """The broker. `bootstrap_servers` is None before the first start; `pid` when it does not run."""

    bootstrap_servers: str | None
    pid: int | None
    version: str
    state: Condition


@dataclass(frozen=True, slots=True)
class PostgresState:
    """The database server. `dsn` (password included) is None before the first start; `pid` when it does not run."""

    dsn: str | None
    pid: int | None
    version: str
    state: Condition


@dataclass(frozen=True, slots=True)
class ServerState:
    """Both servers."""

    kafka: KafkaState
    postgres: PostgresState

    @property
    def up(self) -> bool:
        """Whether both serve clients."""
        return self.kafka.state == self.postgres.state == "up"

    def as_dict(self) -> dict[str, dict[str, str | int | None]]:
        """As `misstep status --json` and `servers.json` show it."""
        return asdict(self)


def state_file(data: Path) -> Path:
    """Where the state is kept below the data directory."""
    return data / "servers.json"


def write_state(data: Path, state: ServerState) -> None:
    """Write the state; the DSN holds a password, so the file is its owner's alone."""
    write_atomically(state_file(data), json.dumps(state.as_dict(), indent=2) + "\n")


def remembered_ports(data: Path) -> tuple[int | None, int | None]:
    """The ports of Kafka and of Postgres at the last start; None where there was none."""
    try:
        written = json.loads(state_file(data).read_text())
        return _port(written["kafka"]["bootstrap_servers"]), _port(written["postgres"]["dsn"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _port(address: str | None) -> int | None:
    if not address:
        return None
    port = address.partition("@")[2] or address
    return int(port.partition("/")[0].rpartition(":")[2])
