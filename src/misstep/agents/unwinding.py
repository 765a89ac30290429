"""A case is taken back: the coordinator's command, one state version for each undone step, then the outcome.

Choreographed: the coordinator writes the command and is done. Each agent undoes its own step and passes the command
on; whoever hosts the next undo too goes on at once, in the same transaction. The worker and `rehearse` call the same
methods.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from pydantic import JsonValue

from misstep.agents.decide import TryAgain, backoff_ms
from misstep.agents.event_writer import EventWriter, OutcomeName, kind_headers
from misstep.agents.failure import Failure
from misstep.agents.inbound import Delivered, Inbound, Verdict, why_here
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.undo import Undo
from misstep.agents.undo_steps import RecallSoon, UndoSteps, event_of_the_saga
from misstep.bus.suspicion import KILLS
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Misfit, Reader, SchemaSource, Undoing, encode
from misstep.contracts.event import DETAIL_MAX_CHARS, END, OK, UNDO, Record, cut_text
from misstep.contracts.undoing import SaidThen, UndoResult, UndoStep
from misstep.logs import SEAT, Seat, Undone

UNDO_FAILED = "undo_failed"
COMMAND_MAX_BYTES = 500_000

Checkpoints = Callable[[str], Awaitable[Mapping[str, JsonValue]]]


async def no_checkpoints(key: str) -> Mapping[str, JsonValue]:
    """For who keeps none."""
    return {}


class Unwinding:
    """Takes cases of one workflow back."""

    def __init__(
        self,
        plan: Plan,
        topics: Topics,
        build: str,
        *,
        recall: RecallSoon,
        schemas: SchemaSource,
        hosted: Mapping[str, Sequence[Any]],
        now_ms: Callable[[], int],
        checkpoints: Checkpoints = no_checkpoints,
    ) -> None:
        """hosted: agent -> the dependencies of its undo, for the undos that can run here."""
        self._plan = plan
        self._topics = topics
        self._recall = recall
        self._steps = UndoSteps(plan, topics, recall)
        self._hosted = hosted
        self._now_ms = now_ms
        self._checkpoints = checkpoints
        self._writers: dict[str, EventWriter] = {}
        self._build = build
        self._commands = Reader(Undoing, schemas)
        self._inputs: dict[str, list[Reader]] = {}
        self._outputs: dict[str, Reader] = {}
        for name, agent in plan.agents.items():
            if agent.undo is not None:
                accepted = agent.joins or (agent.accepts,)
                self._inputs[name] = [Reader(contracts, schemas) for contracts in accepted]
                self._outputs[name] = Reader(agent.emits, schemas)

    # -- the coordinator ----------------------------------------------------------------------------------------------

    async def begin(self, message: Delivered, *, deaths: int = 0) -> list[Record]:
        """Begin to take back the case of a failed event, or of one that an operator's mark has stopped: the command,
        and as many undos as can be done at once; none, where a process has died of it (`deaths`)."""
        inbound = self._inbound(message)
        lineage = inbound.lineage
        stopped = lineage.reason == OK
        steps = [] if stopped else await self._steps.failing(inbound)
        steps += await self._steps.done(lineage.steps, lineage.epoch, lineage.case_id)
        why = inbound.failure or why_here(lineage, inbound.headers)
        command = Undoing(
            agent=lineage.agent,
            reason=lineage.reason,
            detail=why.detail,
            evidence=_json(why.evidence),
            ends_as="cancelled" if stopped else "compensated",
            steps=steps,
        )
        command = _small_enough(command)
        record = self._event("undo", inbound, command, reason=OK, began_ms=self._now_ms())
        return await self._pass_on([record], command, inbound.message, name="undo", at_once=not deaths)

    async def reject(self, event: Delivered, failed: Delivered, *, by: str, why: str) -> list[Record]:
        """Begin to take back a case that a person has rejected. event: the operator's, which begins the case's new
        life; failed: the version that had handed the case to a person."""
        inbound, before = self._inbound(event), self._inbound(failed)
        lineage = inbound.lineage
        command = Undoing(
            agent=before.lineage.agent,
            reason=before.lineage.reason,
            detail=f"rejected by {by}: {why}",
            evidence={"actor": by, "reason": why},
            ends_as="compensated",
            steps=[
                *await self._steps.failing(before),
                *await self._steps.done(lineage.steps, lineage.epoch, lineage.case_id),
            ],
        )
        command = _small_enough(command)
        record = self._event("undo", inbound, command, reason=OK, began_ms=self._now_ms())
        return await self._pass_on([record], command, inbound.message, name="undo")

    # -- one agent's undo ---------------------------------------------------------------------------------------------

    async def undo(
        self, agent: str, message: Delivered, tries: list[tuple[str, int]], *, deaths: int = 0
    ) -> list[Record] | TryAgain:
        """Undo the agent's step that a command names, and go on. For TryAgain, the attempt was added to `tries`.

        deaths: of processes at this message, as far as is known. With one, nobody's undo but the agent's own is run,
        so that it can be told which one it was; with KILLS, none.
        """
        inbound = self._inbound(message)
        inbound.tries = tries
        try:
            command = self._commands.read(message.value, inbound.headers.get("ce_dataschema"))
            assert isinstance(command, Undoing)
        except Misfit as error:
            return self._unreadable(agent, inbound, f"{error.check}: {error.detail}")
        step = command.next_step
        if step is None or step.agent != agent:
            return self._unreadable(agent, inbound, f"version: the command does not say that {agent} is next")
        began_ms = self._now_ms()
        killer = deaths >= KILLS
        verdict = (
            _failed(f"{deaths} processes died of it")
            if killer
            else await self._try(step, command, inbound, len(tries) + 1)
        )
        if verdict.reason != OK and not killer:
            plan = self._plan.agents[agent].undo
            attempts = len(tries) + 1
            if plan is not None and not step.lost and attempts < plan.retry.attempts:
                wait = TryAgain(max(backoff_ms(plan.retry, attempts, f"{step.key}/undo"), verdict.retry_after_ms))
                tries.append((UNDO_FAILED, wait.wait_ms))
                return wait
        return await self._answered(inbound, command, step, verdict, began_ms, at_once=not deaths)

    async def _answered(
        self, inbound: Inbound, command: Undoing, step: UndoStep, verdict: Verdict, began_ms: int, *, at_once: bool
    ) -> list[Record]:
        """The step has had its turn: its state version, a dead letter if it could not be undone, and what follows."""
        command = _with_result(command, step, verdict)
        record = self._event(step.agent, inbound, command, reason=verdict.reason, began_ms=began_ms, verdict=verdict)
        records = [record]
        if verdict.reason != OK:
            records.append(self._letter(step.agent, inbound, verdict))
        return await self._pass_on(records, command, inbound.message, name=f"{step.agent}.undo", at_once=at_once)

    async def _pass_on(
        self, records: list[Record], command: Undoing, origin: Delivered, *, name: str, at_once: bool = True
    ) -> list[Record]:
        """Go on from the last event written (`records[0]` or the newest in the undo topic) as far as can be gone here;
        at_once: by running undos, where they are hosted.

        A step that nobody's code can undo is answered here. The first undo that fails is left to its own group, which
        tries it again.
        """
        last = next(record for record in reversed(records) if record.topic == self._topics.undo)
        while (step := command.next_step) is not None:
            possible = self._possible(step)
            if possible and not (at_once and step.agent in self._hosted):
                return records
            inbound = self._inbound(_as_delivered(last, origin))
            began_ms = self._now_ms()
            verdict = await self._try(step, command, inbound, 1)
            if verdict.reason != OK and possible:
                return records
            command = _with_result(command, step, verdict)
            _carry(last, step.agent)
            last = self._event(step.agent, inbound, command, reason=verdict.reason, began_ms=began_ms, verdict=verdict)
            records.append(last)
            name = f"{step.agent}.undo"
            if verdict.reason != OK:
                records.append(self._letter(step.agent, inbound, verdict, origin))
        inbound = self._inbound(_as_delivered(last, origin))
        records.append(self._outcome(inbound, last, command, name))
        return records

    def _possible(self, step: UndoStep) -> bool:
        agent = self._plan.agents.get(step.agent)
        return not step.lost and agent is not None and agent.undo is not None

    async def _try(self, step: UndoStep, command: Undoing, inbound: Inbound, attempt: int) -> Verdict:
        """One attempt at one undo; the verdict's evidence holds the result."""
        agent = self._plan.agents.get(step.agent)
        if step.lost or agent is None or agent.undo is None:
            return _failed(step.lost or f"the score of {self._plan.workflow} declares no undo for {step.agent}")
        began = time.perf_counter()
        try:
            undo = await self._given(agent, step, command, inbound, attempt)
        except (LookupError, Misfit) as error:
            step.lost = f"what it had accepted or emitted cannot be read: {error}"
            return _failed(step.lost)
        lineage = inbound.lineage
        SEAT.set(Seat(Undone(self._plan.workflow, agent.name, lineage.case_id, lineage.epoch, lineage.version + 1)))
        try:
            async with asyncio.timeout(agent.budget_ms / 1000) as limit:
                result = await agent.undo.function(undo, *self._hosted.get(step.agent, ()))
        except TimeoutError as error:
            verdict = _failed(
                f"it was not done within its budget of {agent.budget_ms} ms" if limit.expired() else _named(error)
            )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the worker is going down: the step stays as it is
            verdict = _failed("the undo cancelled itself")
        except (Exception, SystemExit) as error:  # noqa: BLE001  # no exception crosses an undo
            verdict = _failed(f"{error.reason}: {error.detail}" if isinstance(error, Failure) else _named(error))
            seconds = getattr(error, "retry_after", 0)
            verdict.retry_after_ms = round(seconds * 1000) if isinstance(seconds, int | float) else 0
        else:
            if result is None or isinstance(result, Contract):
                verdict = Verdict(output=result)
            elif isinstance(result, Failure):
                verdict = _failed(f"{result.reason}: {result.detail}")
            else:
                verdict = _failed(f"it returned {type(result).__name__}, and an undo returns a contract or None")
        inbound.spent_ms += (time.perf_counter() - began) * 1000
        return verdict

    async def _given(
        self, agent: AgentPlan, step: UndoStep, command: Undoing, inbound: Inbound, attempt: int
    ) -> Undo[Any, Any]:
        inputs = [
            reader.read(*await self._value(said))
            for reader, said in zip(self._inputs[agent.name], step.inputs, strict=True)
        ]
        output = self._outputs[agent.name].read(*await self._value(step.output)) if step.output is not None else None
        return Undo(
            input=tuple(inputs) if agent.joins else inputs[0],
            output=output,
            failure=Failure(command.reason, command.detail, command.evidence, command.agent),
            idempotency_key=step.key,
            checkpoints=await self._checkpoints(step.key) if agent.uses_steps else {},
            case_id=inbound.lineage.case_id,
            workflow=self._plan.workflow,
            agent=agent.name,
            attempt=attempt,
        )

    async def _value(self, said: SaidThen) -> tuple[bytes | None, bytes | None]:
        schema = said.dataschema.encode() if said.dataschema is not None else None
        if said.text is not None:
            return said.text.encode(), schema
        if said.raw is not None:
            return said.raw, schema
        value, _ = await self._recall(said.topic, said.partition, said.offset)
        return value, schema

    # -- writing ------------------------------------------------------------------------------------------------------

    def _inbound(self, message: Delivered) -> Inbound:
        return event_of_the_saga(self._plan, self._topics, message)

    def _writer(self, name: str) -> EventWriter:
        if name not in self._writers:
            self._writers[name] = EventWriter(self._plan, name, self._topics, self._build)
        return self._writers[name]

    def _event(
        self,
        name: str,
        inbound: Inbound,
        command: Undoing,
        *,
        reason: str,
        began_ms: int,
        verdict: Verdict | None = None,
    ) -> Record:
        """One state version in the undo topic."""
        following = command.next_step
        value = encode(command)
        now_ms = self._now_ms()
        evidence: dict[str, object] = {}
        if verdict is not None:
            evidence = dict(verdict.evidence)
            agent = self._plan.agents.get(name)
            if reason != OK and agent is not None:
                evidence = {"still_done": agent.agent.effect or name, "owner": agent.owner, **evidence}
        headers = self._writer(name).headers(
            inbound,
            value,
            kind=kind_headers(Undoing),
            reason=reason,
            route=f"{UNDO}{following.agent}" if following is not None else END,
            now_ms=now_ms,
            latency_ms=max(0, now_ms - began_ms),
            tokens=0,
            justification="",
            evidence=evidence,
            handoffs_left=inbound.handoffs_left,
        )
        detail = verdict.detail if verdict is not None else f"{command.agent}: {command.reason}: {command.detail}"
        if detail:
            headers.append(("ce_failuredetail", cut_text(detail, DETAIL_MAX_CHARS)))
        return Record(self._topics.undo, inbound.message.partition, inbound.lineage.case_id.encode(), value, headers)

    def _letter(self, name: str, inbound: Inbound, verdict: Verdict, origin: Delivered | None = None) -> Record:
        if origin is not None and inbound.message.offset < 0:  # its own message is in this very transaction
            inbound = replace(inbound, message=replace(inbound.message, offset=origin.offset, topic=origin.topic))
        return self._writer(name).dead_letter(
            inbound, UNDO_FAILED, verdict.detail, self._now_ms(), group=self._topics.group(f"{name}.undo")
        )

    def _outcome(self, inbound: Inbound, last: Record, command: Undoing, name: str) -> Record:
        stands = command.stands
        ended: OutcomeName = "partly_compensated" if stands else command.ends_as
        detail = command.detail
        if stands:
            owners = {agent.name: agent.owner for agent in self._plan.agents.values()}
            left = "; ".join(
                f"{one.agent} (owner {owners.get(one.agent) or 'unknown'}): {one.detail}" for one in stands
            )
            detail = f"still done: {left}. Taken back because of: {command.detail}"
        return self._writer(command.agent if command.agent in self._plan.agents else "undo").outcome(
            inbound, last, ended, command.reason, detail, self._now_ms(), agent=command.agent, step=name
        )

    def _unreadable(self, agent: str, inbound: Inbound, detail: str) -> list[Record]:
        """A command that nobody can read: the case is not lost, it ends as a dead letter that names the agent."""
        verdict = _failed(f"the undo command cannot be read: {detail}")
        command = Undoing(
            agent=agent,
            reason=UNDO_FAILED,
            detail=verdict.detail,
            evidence={},
            ends_as="compensated",
            steps=[UndoStep(agent=agent, version=inbound.lineage.version, key="", lost=verdict.detail)],
        )
        command = _with_result(command, command.steps[0], verdict)
        record = self._event(agent, inbound, command, reason=UNDO_FAILED, began_ms=self._now_ms(), verdict=verdict)
        after = self._inbound(_as_delivered(record, inbound.message))
        return [
            record,
            self._letter(agent, inbound, verdict),
            self._outcome(after, record, command, f"{agent}.undo"),
        ]


def _failed(detail: str) -> Verdict:
    return Verdict(reason=UNDO_FAILED, detail=detail[:DETAIL_MAX_CHARS], evidence={})


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _with_result(command: Undoing, step: UndoStep, verdict: Verdict) -> Undoing:
    result = UndoResult(
        agent=step.agent,
        version=step.version,
        undone=verdict.reason == OK,
        detail=verdict.detail,
        result=_shown(verdict.output),
    )
    return command.model_copy(update={"results": [*command.results, result]})


def _shown(output: Contract | None) -> JsonValue:
    """What an undo returned, as JSON."""
    return None if output is None else output.model_dump(mode="json")


def _small_enough(command: Undoing) -> Undoing:
    """The command without carried values, when all of them together are too many; they are then read back."""
    if len(encode(command)) > COMMAND_MAX_BYTES:
        for step in command.steps:
            for said in (*step.inputs, *([step.output] if step.output else [])):
                said.text = said.raw = None
    return command


def _as_delivered(record: Record, origin: Delivered) -> Delivered:
    """An event of this very transaction as the next one reads it; its offset is not known yet."""
    return Delivered(
        record.topic, record.partition, -1, origin.timestamp_ms, record.key, record.value, list(record.headers)
    )


def _carry(record: Record, agent: str) -> None:
    """Note on an event that the agent's undo is in the same transaction, so that its group drops the event."""
    assert isinstance(record.headers, list)
    record.headers.append(("ce_carried", agent.encode()))


def _json(evidence: Mapping[str, object]) -> dict[str, JsonValue]:
    loaded: dict[str, JsonValue] = orjson.loads(orjson.dumps(dict(evidence), default=str))
    return loaded
