"""What turns in a worker reach for outside themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from misstep.agents.calling import calling
from misstep.agents.earlier import Recall, earlier_version
from misstep.agents.inbound import Inbound
from misstep.agents.plan import Plan
from misstep.agents.turn import C, Turn
from misstep.bus.topics import Topics
from misstep.contracts import SchemaSource


class Around:
    """What turns reach for: earlier versions of their case, and their dependencies."""

    def __init__(
        self, plan: Plan, topics: Topics, recall: Recall, schemas: SchemaSource, dependencies: Iterable[str]
    ) -> None:
        self._plan = plan
        self._topics = topics
        self._recall = recall
        self._schemas = schemas
        self._dependencies = frozenset(dependencies)

    def calling(self, turn: Turn[Any], dependency: str) -> AbstractAsyncContextManager[None]:
        return calling(turn.agent, dependency, self._dependencies)

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
