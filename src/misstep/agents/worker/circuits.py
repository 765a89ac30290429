"""The circuits of a worker's dependencies, and who is told when one changes."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Protocol

import structlog

from misstep.agents.breaker import Change, Circuit
from misstep.agents.guard import Guards
from misstep.agents.plan import AgentPlan
from misstep.agents.wiring import Wiring
from misstep.agents.worker.metrics import Metrics
from misstep.bus.alerts import Alerts

log = structlog.get_logger(__name__)


class Holds(Protocol):
    """An agent's reader, as far as a circuit needs it."""

    def hold(self, why: str) -> None: ...
    def release(self, why: str) -> None: ...


class Circuits:
    """One guard a dependency for all turns of the worker. A change is counted, logged and written to `{ns}.alerts`;
    agents with `when_open="pause"` stand still while a circuit of theirs is open."""

    def __init__(
        self, wiring: Wiring, metrics: Metrics, alerts: Alerts, loop: asyncio.AbstractEventLoop, worker: str
    ) -> None:
        self._wiring = wiring
        self._metrics = metrics
        self._alerts = alerts
        self._loop = loop
        self._worker = worker
        self._pausing: dict[str, list[Holds]] = {}
        self.guards = Guards(wiring.provider_named, watch=self)
        metrics.guarding(wiring.dependency_names)

    def pause(self, agent: AgentPlan, reader: Holds) -> None:
        """Let an agent that says so stand still with the circuits of what it depends on."""
        if agent.agent.when_open != "pause":
            return
        for _, kind in agent.dependencies:
            provider = self._wiring.provider_of(kind)
            if provider is not None:
                self._pausing.setdefault(provider.dependency, []).append(reader)

    # -- Watch: called with the breaker locked, from any thread -------------------------------------------------------

    def circuit_changed(self, dependency: str, change: Change) -> None:
        circuit = change.circuit
        self._metrics.circuit(dependency, circuit)
        log.log(
            _LEVELS[circuit],
            "a circuit changed",
            dependency=dependency,
            state=circuit.text,
            failures=change.failures,
            open_s=round(change.left_s, 1),
        )
        self._alerts.say(
            f"breaker/{dependency}",
            {
                "kind": "breaker",
                "dependency": dependency,
                "state": circuit.text,
                "failures": change.failures,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "worker": self._worker,
            },
        )
        for reader in self._pausing.get(dependency, ()):
            if circuit is Circuit.OPEN:
                reader.hold(f"breaker {dependency}")
            else:
                reader.release(f"breaker {dependency}")
        if circuit is Circuit.OPEN:
            self._look_in(dependency, change.left_s)

    def waited_for_rate(self, dependency: str, seconds: float) -> None:
        self._metrics.waited_for_rate(dependency, seconds)

    def _look_in(self, dependency: str, seconds: float) -> None:
        """See to it that the circuit becomes half open when its time is over, though no turn asks: an agent that stands
        still would never ask."""

        def look() -> None:
            refused = self.guards.of(dependency).refusal()
            if refused is not None and refused.circuit is Circuit.OPEN:
                self._look_in(dependency, refused.left_s)

        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker has ended
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, look)


_LEVELS = {Circuit.CLOSED: 20, Circuit.HALF_OPEN: 20, Circuit.OPEN: 30}
