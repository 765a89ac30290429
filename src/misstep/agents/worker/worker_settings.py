"""What a worker needs to know of its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

DRAIN_S = 10.0
"""After SIGTERM: how long running turns may take to end. What is finished by then is committed."""

STUCK_AFTER_S = 60.0


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
    stuck_after_s: float = STUCK_AFTER_S
    """When a turn holds its thread up for so long, and for ten times its budget, the process is replaced."""
    carry: bool = True
    """Whether turns go on in the transaction of the turn before, where they can."""
    blameless: frozenset[str] = frozenset()
    """Incarnations in this slot that did not end through what they ran: nothing of theirs is suspected."""
    consumer: Mapping[str, object] = field(default_factory=dict)
    """Settings of librdkafka for the agents' consumers, over Misstep's own."""
    seam: Callable[[str], None] = field(default=lambda name: None)
    """Called at each step of a transaction; a test kills the process there."""

    @property
    def transactional_id(self) -> str:
        """Of the producer that commits turns."""
        return f"{self.namespace}.{self.slot}"

    @property
    def saga_transactional_id(self) -> str:
        """Of the producer that commits what takes cases back. (No slot ends so.)"""
        return f"{self.transactional_id}.saga"
