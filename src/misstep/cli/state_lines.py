"""The servers' state, for a person."""

from __future__ import annotations

from misstep.dev.state import ServerState
from misstep.store.connect import place


def state_lines(state: ServerState) -> list[str]:
    """A line for each server. The DSN's password is left out; `--json` has it."""
    kafka, postgres = state.kafka, state.postgres
    return [
        f"Kafka {kafka.version}: {kafka.state}" + (f" at {kafka.bootstrap_servers}" if kafka.pid else ""),
        f"Postgres {postgres.version}: {postgres.state}"
        + (f" at {place(postgres.dsn)}" if postgres.pid and postgres.dsn else ""),
    ]
