"""What happens when an agent's valve trips: it stands still here at once, and on every worker as soon as Kafka says so.

Its input waits in Kafka. The pause is one like an operator's, by the actor `valve`, and `misstep resume` ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from misstep.agents.valve import Gauge, Valve
from misstep.bus.alerts import Alerts
from misstep.contracts.control import Pause
from misstep.errors import ServerUnreachable

log = structlog.get_logger(__name__)

HELD_BY: Final = "its valve"
ACTOR: Final = "valve"


class Holds(Protocol):
    """An agent's reader, as far as a valve needs it."""

    def hold(self, why: str) -> None: ...
    def release(self, why: str) -> None: ...


class Tripwire:
    """One agent's, in one worker."""

    def __init__(
        self,
        workflow: str,
        agent: str,
        valve: Valve,
        *,
        alerts: Alerts,
        pause: Callable[[Pause], None],
        worker: str,
        stopping: Callable[[], bool],
    ) -> None:
        """pause: says to all workers that the agent stands still; may raise ServerUnreachable. worker: its slot."""
        self._workflow = workflow
        self._agent = agent
        self._valve = valve
        self._gauge = Gauge(valve)
        self._alerts = alerts
        self._pause = pause
        self._worker = worker
        self._stopping = stopping
        self._lock = threading.Lock()
        self._tripped = False
        self._seen = False
        """The pause has been seen in the control topic: when it is gone, somebody has taken it away."""
        self.reader: Holds

    def count(self, letter: bool) -> None:
        """A turn of the agent is over. (Whoever runs it.)"""
        with self._lock:
            if self._tripped or not self._gauge.count(letter):
                return
            self._tripped = True
            letters, turns = self._gauge.letters, self._gauge.turns
        self.reader.hold(HELD_BY)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        reason = f"{letters} of the last {turns} turns on {self._worker} were dead letters (valve: {self._valve})"
        log.error("a valve tripped: the agent stands still", agent=self._agent, workflow=self._workflow, why=reason)
        self._alerts.say(
            f"valve/{self._workflow}/{self._agent}",
            {
                "kind": "valve",
                "workflow": self._workflow,
                "agent": self._agent,
                "state": "tripped",
                "letters": letters,
                "turns": turns,
                "valve": str(self._valve),
                "at": at,
                "worker": self._worker,
            },
        )
        pause = Pause(actor=ACTOR, reason=reason, at=at)
        threading.Thread(target=self._say, args=(pause,), name=f"valve {self._agent}", daemon=True).start()

    def pauses(self, stands: bool) -> None:
        """Whether a pause of the agent stands in the control topic, as of now."""
        with self._lock:
            if stands:
                self._seen = True
                return
            if not self._seen:
                return  # not there yet
            self._seen = self._tripped = False
            self._gauge.reset()
        self.reader.release(HELD_BY)

    def _say(self, pause: Pause) -> None:
        while self._tripped and not self._seen and not self._stopping():
            try:
                self._pause(pause)
                return
            except ServerUnreachable as error:
                log.warning("the other workers could not be told yet that a valve tripped", why=str(error))
