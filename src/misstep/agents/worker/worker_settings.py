"""What a worker needs to know of its environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

DRAIN_S = 10.0
"""After SIGTERM: how long running turns may take to end. What is finished by then is committed."""


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know of its environment."""

    bootstrap: str
    namespace: str
    slot: str
    build: str
    drain_s: float = DRAIN_S
    postgres: str | None = None
    """DSN of the database that steps are remembered in; None: none is known. It is reached when a step is used."""
    seam: Callable[[str], None] = field(default=lambda name: None)
    """Called at each step of a transaction; a test kills the process there."""

    @property
    def transactional_id(self) -> str:
        return f"{self.namespace}.{self.slot}"
