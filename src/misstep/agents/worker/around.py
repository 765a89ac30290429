"""What turns in a worker reach for outside themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from misstep.agents.calling import calling
from misstep.agents.earlier import Recall, earlier_version
from misstep.agents.guard import Guards
from misstep.agents.inbound import Inbound
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.step import CHECKPOINTS, run_step
from misstep.agents.time_left import time_left_s
from misstep.agents.turn import C, T, Turn
from misstep.bus.topics import Topics
from misstep.contracts import SchemaSource
from misstep.store.checkpoint import CheckpointStore


class Around:
    """What one agent's turns reach for: earlier versions of their case, their dependencies, what steps came to."""

    def __init__(
        self,
        plan: Plan,
        topics: Topics,
        recall: Recall,
        schemas: SchemaSource,
        dependencies: Iterable[str],
        *,
        agent: AgentPlan,
        guards: Guards,
        checkpoints: CheckpointStore,
    ) -> None:
        self._plan = plan
        self._topics = topics
        self._recall = recall
        self._schemas = schemas
        self._dependencies = frozenset(dependencies)
        self._guards = guards
        self._checkpoints = checkpoints
        self._patient = agent.agent.when_open == "pause"
        self._blocking = agent.agent.blocking

    def calling(self, turn: Turn[Any], dependency: str) -> calling:
        known = dependency in self._dependencies
        return calling(
            turn.agent,
            dependency,
            self._dependencies,
            self._guards.of(dependency) if known else None,
            patient=self._patient,
            left_s=lambda: _left_s(turn),
            attempt=turn.clock,
            may_block=self._blocking,
            spread=turn.idempotency_key,
        )

    async def step(
        self,
        turn: Turn[Any],
        name: str,
        fn: Callable[..., Coroutine[Any, Any, T]],
        a: tuple[Any, ...],
        k: dict[str, Any],
    ) -> T:
        def reaching() -> calling:
            return calling(
                turn.agent,
                CHECKPOINTS,
                {CHECKPOINTS},
                self._guards.of(CHECKPOINTS),
                attempt=turn.clock,
                spread=turn.idempotency_key,
            )

        return await run_step(turn, self._checkpoints, reaching, name, fn, a, k)

    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        inbound = turn.origin
        assert isinstance(inbound, Inbound)
        return await asyncio.to_thread(
            earlier_version,
            self._plan,
            self._topics,
            turn,
            inbound.lineage,
            contract,
            self._recall,
            self._schemas,
        )


def _left_s(turn: Turn[Any]) -> float:
    inbound = turn.origin
    assert isinstance(inbound, Inbound)
    return time_left_s(inbound.deadline, time.time())
