"""A join in a worker: first its halves are parked, then the last one to come makes the turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any

from misstep.agents.inbound import Inbound
from misstep.agents.join import Held, merge, park, removal
from misstep.agents.killer import killer
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.turn import Turn
from misstep.agents.worker.committer import Finished
from misstep.agents.worker.runner import FOREVER_S
from misstep.agents.worker.work import Cases, Handling, Work
from misstep.bus.suspicion import KILLS
from misstep.bus.topics import Topics
from misstep.contracts import Contract, SchemaSource
from misstep.contracts import Reader as ContractReader
from misstep.contracts.event import OK, Record


class ParkingRunner:
    """Parks halves, in the polling thread: it costs no more than passing them on."""

    collects = False
    inside: Work | None = None
    early_since: float | None = None
    lingering: Mapping[Future[object], float] = MappingProxyType({})

    def __init__(self, plan: Plan, agent: AgentPlan, topics: Topics, submit: Callable[[Finished], None]) -> None:
        self._plan = plan
        self._agent = agent
        self._topics = topics
        self._submit = submit

    def bind(self, cases: Cases) -> None:
        self._cases = cases

    def start(self, works: list[Work]) -> None:
        for work in works:
            following: Work | None = work
            while following is not None:  # another half of the case, where this one had to wait
                half = park(self._plan, self._agent, self._topics, following.message, following.headers)
                self._submit(Finished(self._cases, following.window, following.position, [half], OK, self._too_large))
                following = self._cases.over(following)

    def _too_large(self, why: str) -> list[Record]:
        """Parked, a half is a few bytes larger than where it came from, which its topic took."""
        raise RuntimeError(f"a half could not be parked: {why}; the parked topic takes less than the others")

    def start_due(self) -> None:
        """Nothing ever waits here."""

    def next_due_s(self) -> float:
        return FOREVER_S


class JoinHandling(Handling):
    """From all halves of a case to a turn; the halves are removed in the transaction of its result."""

    def __init__(self, *args: Any, schemas: SchemaSource, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._readers = {
            contract.__contract__.name: ContractReader((contract,), schemas) for contract in self.agent.joins
        }

    def open(self, work: Work) -> Turn[Contract] | None:
        if work.inbound is None:
            assert work.halves is not None
            now_ms = int(time.time() * 1000)
            merged = merge(
                self.plan,
                self.agent,
                self.topics,
                work.halves,
                self._readers,
                now=self._now.text(now_ms),
                deadline=lambda: self._deadlines.text(now_ms + self.plan.deadline_ms),
            )
            if isinstance(merged, Held):
                if (self._marks or self._stand_ins) and not self._may_go_on(work, merged.inbound):
                    return None
                work.inbound = merged.inbound
                self._finish(work, merged.inbound, self.emitter.carried_out(merged, now_ms), merged.reason)
                return None
            work.inbound = merged
            if work.deaths >= KILLS:
                killer(merged, self.agent.name, work.deaths, work.window.suspected_since_s)
        return super().open(work)

    def _finish(self, work: Work, inbound: Inbound, records: list[Record], reason: str) -> None:
        assert work.halves is not None
        case = (inbound.lineage.case_id, inbound.lineage.epoch)
        gone = [removal(self.agent, self.topics, half, branch, case) for branch, half in work.halves.items()]
        super()._finish(work, inbound, [*records, *gone], reason)

    def _refused(self, inbound: Inbound, why: str) -> list[Record]:
        gone = [
            Record(self.topics.parked(self.agent.name), inbound.message.partition, key, None, [])
            for contract in self.agent.joins
            for key in (f"{inbound.lineage.case_id}/{inbound.lineage.epoch}/{contract.__contract__.name}".encode(),)
        ]
        return [*super()._refused(inbound, why), *gone]
