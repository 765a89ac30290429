"""`rehearse`: a whole score in memory, on a virtual clock, through the same decisions that the worker takes.

It does not stand in for a test on the broker: nothing is lost, reordered or killed here.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from misstep.agents.attempt_clock import AttemptClock
from misstep.agents.calling import calling
from misstep.agents.decide import TryAgain
from misstep.agents.earlier import earlier_version
from misstep.agents.emit import Emitter
from misstep.agents.guard import Guards
from misstep.agents.inbound import Delivered, Inbound, Verdict, admit, header_map
from misstep.agents.join import Gathering, Held, merge, park
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.provider import Provider
from misstep.agents.settle import judge_exception, judge_result, make_turn, over_budget, settle
from misstep.agents.step import run_step
from misstep.agents.subscription import Subscription, of_agent, of_coordinator, of_join, of_parking, of_undo
from misstep.agents.time_left import time_left_s
from misstep.agents.turn import C, T, Turn
from misstep.agents.unwinding import Unwinding
from misstep.bus.topics import Topics
from misstep.contracts import Contract, LocalSchemas, Reader, encode
from misstep.contracts.event import CASES, OK, OUTCOMES, Record, Timestamps
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.compile import compile_plan
from misstep.saga.rooms import mounted_wiring
from misstep.testing.checkpoints import InMemoryCheckpoints
from misstep.testing.forced_undos import UNDO_OF, with_forced_undos
from misstep.testing.stand_ins import StandIns
from misstep.testing.virtual_clock import VirtualLoop

BEGINNING_MS = 1_767_225_600_000
"""The virtual clock's first moment: 2026-01-01T00:00:00Z."""
STEPS_MAX = 10_000
Answer = Callable[[Delivered], Awaitable[list[Record]]]


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
    def in_undo(self) -> bool:
        """It stands in the undo topic."""
        return self.topic.endswith(".undo")

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
        """The agents' state versions, undos left out."""
        return [event for event in self.events if event.agent not in (CASES, OUTCOMES) and not event.in_undo]

    @property
    def undone(self) -> list[str]:
        """The agents whose steps were taken back, in that order."""
        return [event.agent for event in self.events if event.in_undo and event.agent != "undo" and event.reason == OK]

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

    force: agent -> reasons that its next attempts fail with instead of running, one an attempt; `ok` lets it run. An
    agent's undo goes by `{agent}.undo`, and its only reason is `undo_failed`.
    dependencies: stand-ins, matched to the agents' parameters by type. What is missing is made by the wiring of the
    mounted project: `@wiring.provides(..., stand_in=InMemoryLedger)`, one for the whole rehearsal.

    Raises UsageError when an agent's dependency has no stand-in.
    """
    plan = choreography if isinstance(choreography, Plan) else compile_plan(choreography)
    for name in force or {}:
        undone = name.removesuffix(UNDO_OF)
        if name not in plan.agents and (undone not in plan.agents or plan.agents[undone].undo is None):
            raise UsageError(f"force names {name!r}, which is no agent of {plan.workflow}: {', '.join(plan.agents)}.")
    forced = {name: deque(reasons) for name, reasons in (force or {}).items()}
    value = case if isinstance(case, bytes) else encode(case) if isinstance(case, Contract) else orjson.dumps(case)
    loop = VirtualLoop()
    try:
        stage = _Stage(with_forced_undos(plan, forced), list(dependencies), forced, loop)
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
        self._guards = Guards(_declared, loop.time)
        self.checkpoints = InMemoryCheckpoints()
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
        self._hearing = [*self._agents_hearing(), *self._saga_hearing(stand_ins)]

    def _agents_hearing(self) -> Iterator[tuple[Subscription, Answer]]:
        for agent, *_ in self._agents.values():
            if agent.joins:
                gathering = Gathering(len(agent.joins))
                yield of_parking(self._plan, agent, self._topics), partial(self._park, agent)
                yield of_join(agent, self._topics), partial(self._join, agent, gathering)
            else:
                yield of_agent(agent, self._topics), partial(self._turn, agent)

    def _saga_hearing(self, stand_ins: StandIns) -> Iterator[tuple[Subscription, Answer]]:
        async def recall(topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
            return self._recall(topic, partition, offset)

        undos = [agent for agent in self._plan.agents.values() if agent.undo is not None]
        unwinding = Unwinding(
            self._plan,
            self._topics,
            "rehearsal",
            recall=recall,
            schemas=self._schemas,
            hosted={agent.name: stand_ins.of_undo(agent) for agent in undos},
            now_ms=self._now_ms,
        )

        async def begin(message: Delivered) -> list[Record]:
            return await unwinding.begin(message)

        async def undo(agent: str, message: Delivered) -> list[Record]:
            tries: list[tuple[str, int]] = []
            while isinstance(result := await unwinding.undo(agent, message, tries), TryAgain):
                await asyncio.sleep(result.wait_ms / 1000)
            return result

        yield of_coordinator(self._plan, self._topics), begin
        for agent in undos:
            yield of_undo(agent.name, self._topics), partial(undo, agent.name)

    async def play(self, case_id: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Story:
        story = Story(case_id)
        heard = deque([self._write(Record(self._topics.cases, 0, case_id.encode(), value, headers), story)])
        for _ in range(STEPS_MAX):
            if not heard:
                break
            record, offset = heard.popleft()
            message = Delivered(record.topic, 0, offset, self._now_ms(), record.key, record.value, record.headers)
            for subscription, answer in self._hearing:
                hears = subscription.heard.get(record.topic, _not_for_us)
                if hears is None or hears(header_map(record.headers)):
                    heard.extend([self._write(written, story) for written in await answer(message)])
        story.waited_ms = self._now_ms() - BEGINNING_MS
        return story

    def _now_ms(self) -> int:
        return BEGINNING_MS + round(self._loop.time() * 1000)

    def _write(self, record: Record, story: Story) -> tuple[Record, int]:
        written = self._log.setdefault(record.topic, [])
        written.append(record)
        if record.topic == self._topics.dlq:
            story.dead_letters.append(record)
        elif not record.topic.endswith(".parked"):
            story.events.append(_event(record))
        return record, len(written) - 1

    async def _park(self, agent: AgentPlan, message: Delivered) -> list[Record]:
        return [park(self._plan, agent, self._topics, message, header_map(message.headers))]

    async def _join(self, agent: AgentPlan, gathering: Gathering, message: Delivered) -> list[Record]:
        """The turn of a join, once its last half has come."""
        found = gathering.take(0, message.key, message.value, message.headers, live=True)
        if found is None:
            return []
        _, halves = found
        readers = {contract.__contract__.name: Reader((contract,), self._schemas) for contract in agent.joins}
        now_ms = self._now_ms()
        merged = merge(
            self._plan,
            agent,
            self._topics,
            halves,
            readers,
            now=self._times.text(now_ms),
            deadline=lambda: self._times.text(now_ms + self._plan.deadline_ms),
        )
        if isinstance(merged, Held):
            return self._agents[agent.name][2].carried_out(merged, now_ms)
        return await self._see_through(agent, merged)

    async def _turn(self, agent: AgentPlan, message: Delivered) -> list[Record]:
        inbound = admit(
            self._plan,
            agent,
            self._agents[agent.name][1],
            self._topics,
            message,
            header_map(message.headers),
            now=self._times.text(self._now_ms()),
            deadline=lambda: self._times.text(self._now_ms() + self._plan.deadline_ms),
            recall=self._recall,
        )
        return await self._see_through(agent, inbound)

    async def _see_through(self, agent: AgentPlan, inbound: Inbound) -> list[Record]:
        """All attempts of one turn, with the waits between them."""
        _, _, emitter, dependencies = self._agents[agent.name]
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
            return (self._loop.time() - began) * 1000 - turn.queued_ms

        try:
            async with asyncio.timeout(agent.budget_ms / 1000) as limit:
                turn.clock = AttemptClock(limit)
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

    def calling(self, turn: Turn[Any], dependency: str) -> calling:
        inbound = turn.origin
        assert isinstance(inbound, Inbound)
        agent = self._plan.agents[turn.agent].agent
        return calling(
            turn.agent,
            dependency,
            {dependency},
            self._guards.of(dependency) if agent.is_async else None,  # a plain one would wait in real time
            patient=agent.when_open == "pause",
            left_s=lambda: time_left_s(inbound.deadline, self._now_ms() / 1000),
            attempt=turn.clock,
            spread=turn.idempotency_key,
            wall=lambda: self._now_ms() / 1000,
        )

    def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        inbound = turn.origin
        assert isinstance(inbound, Inbound)
        return earlier_version(self._plan, self._topics, turn, inbound.lineage, contract, self._recall, self._schemas)


class _Around:
    def __init__(self, stage: _Stage) -> None:
        self._stage = stage

    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        return self._stage.earlier(turn, contract)

    def calling(self, turn: Turn[Any], dependency: str) -> calling:
        return self._stage.calling(turn, dependency)

    async def step(
        self,
        turn: Turn[Any],
        name: str,
        fn: Callable[..., Coroutine[Any, Any, T]],
        a: tuple[Any, ...],
        k: dict[str, Any],
    ) -> T:
        return await run_step(turn, self._stage.checkpoints, nullcontext, name, fn, a, k)


def _not_for_us(headers: Mapping[str, bytes]) -> bool:
    return False


def _declared(dependency: str) -> Provider | None:
    """What the mounted project's wiring says of a dependency, if it can be asked."""
    try:
        wiring = mounted_wiring()
    except UsageError:
        return None
    return wiring.provider_named(dependency) if wiring else None


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
