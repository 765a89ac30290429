"""`rehearse`: a whole score in memory, on a virtual clock, through the same decisions that the worker takes.

It does not stand in for a test on the broker: nothing is lost, reordered or killed here.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import orjson

from misstep.agents.calling import calling
from misstep.agents.decide import TryAgain
from misstep.agents.earlier import earlier_version
from misstep.agents.emit import Emitter
from misstep.agents.inbound import Delivered, Inbound, Verdict, admit, header_map, hears
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.settle import judge_exception, judge_result, make_turn, over_budget, settle
from misstep.agents.turn import C, Turn
from misstep.bus.topics import Topics
from misstep.contracts import Contract, LocalSchemas, Reader, encode
from misstep.contracts.event import CASES, OK, OUTCOMES, Record, Timestamps
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.compile import compile_plan
from misstep.testing.stand_ins import StandIns
from misstep.testing.virtual_clock import VirtualLoop

BEGINNING_MS = 1_767_225_600_000
"""The virtual clock's first moment: 2026-01-01T00:00:00Z."""
STEPS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """A state version as it would stand in Kafka, with its headers read."""

    topic: str
    agent: str
    version: int
    reason: str
    route: str
    detail: str
    evidence: Mapping[str, Any]
    degraded: str | None
    attempts: int
    tries: Sequence[tuple[str, int]]
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def payload(self) -> Any:
        """The value as JSON; None when it is not JSON."""
        try:
            return orjson.loads(self.value or b"")
        except orjson.JSONDecodeError:
            return None


@dataclass
class Story:
    """How a case went."""

    case_id: str
    events: list[Event] = field(default_factory=list)
    """Every state version in order, the case itself (version 0) and the outcome included."""
    dead_letters: list[Record] = field(default_factory=list)
    waited_ms: int = 0
    """Virtual time from the case's publication to its last event."""

    @property
    def turns(self) -> list[Event]:
        """The agents' state versions."""
        return [event for event in self.events if event.agent not in (CASES, OUTCOMES)]

    @property
    def path(self) -> list[str]:
        """The agents in the order in which they answered."""
        return [event.agent for event in self.turns]

    @property
    def reasons(self) -> list[str]:
        """What each of them said: `ok` or a reason."""
        return [event.reason for event in self.turns]

    @property
    def outcome(self) -> str | None:
        """How the case ended; None when it did not."""
        for event in self.events:
            if event.agent == OUTCOMES:
                return str(event.payload["outcome"])
        return None


def rehearse(
    choreography: Choreography | Plan,
    case: Contract | bytes | Mapping[str, Any],
    *,
    force: Mapping[str, Sequence[str]] | None = None,
    dependencies: Iterable[object] = (),
    case_id: str = "case-1",
    headers: Sequence[tuple[str, bytes]] = (),
) -> Story:
    """Run one case through a score and tell its story.

    force: agent -> reasons that its next attempts fail with instead of running, one an attempt; `ok` lets it run.
    dependencies: stand-ins, matched to the agents' parameters by type. What is missing is made by the wiring of the
    mounted project: `@wiring.provides(..., stand_in=InMemoryLedger)`, one for the whole rehearsal.

    Raises UsageError when an agent's dependency has no stand-in.
    """
    plan = choreography if isinstance(choreography, Plan) else compile_plan(choreography)
    for name in force or {}:
        if name not in plan.agents:
            raise UsageError(f"force names {name!r}, which is no agent of {plan.workflow}: {', '.join(plan.agents)}.")
    value = case if isinstance(case, bytes) else encode(case) if isinstance(case, Contract) else orjson.dumps(case)
    loop = VirtualLoop()
    try:
        stage = _Stage(
            plan, list(dependencies), {name: deque(reasons) for name, reasons in (force or {}).items()}, loop
        )
        return loop.run_until_complete(stage.play(case_id, value, headers))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class _Stage:
    """The topics, in memory, and everybody who hears them."""

    def __init__(
        self,
        plan: Plan,
        dependencies: list[object],
        force: dict[str, deque[str]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._plan = plan
        self._topics = Topics("rehearsal", plan.workflow)
        self._force = force
        self._loop = loop
        self._times = Timestamps()
        self._log: dict[str, list[Record]] = {}
        self._schemas = LocalSchemas()
        stand_ins = StandIns(dependencies)
        self._agents = {
            name: (
                agent,
                Reader(agent.accepts, self._schemas),
                Emitter(plan, agent, self._topics, "rehearsal"),
                stand_ins.of(agent),
            )
            for name, agent in plan.agents.items()
        }

    async def play(self, case_id: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Story:
        story = Story(case_id)
        heard = deque([self._write(Record(self._topics.cases, 0, case_id.encode(), value, headers), story)])
        for _ in range(STEPS_MAX):
            if not heard:
                break
            record, offset = heard.popleft()
            for agent, _, _, _ in self._agents.values():
                if self._is_for(agent, record):
                    for written in await self._turn(agent, record, offset):
                        heard.append(self._write(written, story))
        story.waited_ms = self._now_ms() - BEGINNING_MS
        return story

    def _now_ms(self) -> int:
        return BEGINNING_MS + round(self._loop.time() * 1000)

    def _write(self, record: Record, story: Story) -> tuple[Record, int]:
        written = self._log.setdefault(record.topic, [])
        written.append(record)
        if record.topic == self._topics.dlq:
            story.dead_letters.append(record)
        else:
            story.events.append(_event(record))
        return record, len(written) - 1

    def _is_for(self, agent: AgentPlan, record: Record) -> bool:
        for source in agent.sources:
            name = self._topics.failed(source.agent) if source.failed else self._topics.agent(source.agent)
            if name == record.topic and (
                source.agent == CASES or hears(source, agent.name.encode(), header_map(record.headers))
            ):
                return True
        return False

    async def _turn(self, agent: AgentPlan, record: Record, offset: int) -> list[Record]:
        """All attempts of one turn, with the waits between them."""
        _, reader, emitter, dependencies = self._agents[agent.name]
        message = Delivered(record.topic, 0, offset, self._now_ms(), record.key, record.value, record.headers)
        inbound = admit(
            self._plan,
            agent,
            reader,
            self._topics,
            message,
            header_map(record.headers),
            now=self._times.text(self._now_ms()),
            deadline=lambda: self._times.text(self._now_ms() + self._plan.deadline_ms),
            recall=self._recall,
        )
        while True:
            turn, verdict = await self._attempt(agent, inbound, dependencies)
            result = settle(agent, emitter, inbound, turn, verdict, self._now_ms())
            if not isinstance(result, TryAgain):
                return result
            await asyncio.sleep(result.wait_ms / 1000)

    async def _attempt(
        self, agent: AgentPlan, inbound: Inbound, dependencies: Sequence[object]
    ) -> tuple[Turn[Contract] | None, Verdict]:
        if inbound.misfit is not None:
            return None, inbound.misfit
        turn = make_turn(self._plan, agent, inbound, _Around(self))
        forced = self._force.get(agent.name)
        if forced and (reason := forced.popleft()) != OK:
            return turn, Verdict(reason=reason, detail="forced by the rehearsal", evidence={"forced": True})
        began = self._loop.time()

        def took_ms() -> float:
            return (self._loop.time() - began) * 1000

        try:
            async with asyncio.timeout(agent.budget_ms / 1000) as limit:
                result = agent.agent.function(turn, *dependencies)
                if inspect.isawaitable(result):
                    result = await result
            verdict = judge_result(agent, result, took_ms())
        except TimeoutError as error:
            verdict = over_budget(agent, took_ms()) if limit.expired() else judge_exception(agent, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # no exception crosses a turn
            verdict = judge_exception(agent, error)
        inbound.spent_ms += took_ms()
        return turn, verdict

    def _recall(self, topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
        written = self._log.get(topic, [])
        if not 0 <= offset < len(written):
            raise LookupError(f"the event at {topic} [{partition}] @ {offset} is not there")
        return written[offset].value, header_map(written[offset].headers)

    def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        inbound = turn.origin
        assert isinstance(inbound, Inbound)
        return earlier_version(self._plan, self._topics, turn, inbound.lineage, contract, self._recall, self._schemas)


class _Around:
    def __init__(self, stage: _Stage) -> None:
        self._stage = stage

    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        return self._stage.earlier(turn, contract)

    def calling(self, turn: Turn[Any], dependency: str) -> AbstractAsyncContextManager[None]:
        return calling(turn.agent, dependency, {dependency})


def _event(record: Record) -> Event:
    headers = header_map(record.headers)

    def text(name: str, default: str = "") -> str:
        return headers[name].decode() if name in headers else default

    return Event(
        topic=record.topic,
        agent=text("ce_agent", CASES),
        version=int(text("ce_stateversion", "0")),
        reason=text("ce_failurereason", OK),
        route=text("ce_route", "next"),
        detail=text("ce_failuredetail"),
        evidence=orjson.loads(headers.get("ce_evidence", b"{}")),
        degraded=text("ce_degraded") or None,
        attempts=int(text("ce_attempts", "1")),
        tries=[(reason, waited) for reason, waited in orjson.loads(headers.get("ce_tries", b"[]"))],
        value=record.value,
        headers=headers,
    )
