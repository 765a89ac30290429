"""The steps of a case that are to be undone, with what each had accepted and emitted read back by the history."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from misstep.agents.inbound import Delivered, Inbound, header_map, opened_inbound
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.unwind import inputs_of, steps_to_undo, why_it_stands
from misstep.bus.topics import Topics
from misstep.contracts.event import OK, Step
from misstep.contracts.undoing import SaidThen, UndoStep

CARRIED_MAX_BYTES = 16_384
"""Largest value that travels in the command; larger ones are read back where the history says they stand."""

Said = tuple[bytes | None, Mapping[str, bytes]]


class RecallSoon(Protocol):
    """Reads one event back by where it stands; LookupError when it is no longer there."""

    def __call__(self, topic: str, partition: int, offset: int) -> Awaitable[Said]: ...


def event_of_the_saga(plan: Plan, topics: Topics, message: Delivered) -> Inbound:
    """An event of the undo topic, a failed one, or a stop, with its own name in the histories of what follows it."""
    inbound = opened_inbound(plan, topics, message, header_map(message.headers))
    lineage = inbound.lineage
    if message.topic == topics.undo and lineage.agent != "undo":
        lineage.step = f"{lineage.agent}.undo"
    elif lineage.reason == OK and message.topic == topics.failed(lineage.agent):
        lineage.step = f"{lineage.agent}.stop"
    return inbound


class UndoSteps:
    """Reads what undos of one workflow's cases need."""

    def __init__(self, plan: Plan, topics: Topics, recall: RecallSoon) -> None:
        self._plan = plan
        self._topics = topics
        self._recall = recall

    async def failing(self, inbound: Inbound) -> list[UndoStep]:
        """What failed: the turn itself, or the branches whose failure a join carries out."""
        lineage = inbound.lineage
        failed_in = inbound.failure.evidence.get("failed_in") if inbound.failure is not None else None
        steps = []
        if isinstance(failed_in, list) and lineage.agent in self._plan.joins:
            for name, version, partition, offset, reason in reversed(lineage.steps):
                if reason == OK or name not in failed_in:
                    continue
                failed_in.remove(name)
                agent = self._plan.agents.get(name)
                if agent is not None and (agent.undo is not None or why_it_stands(agent)):
                    steps.append(await self._failed_branch(agent, (name, version, partition, offset, reason), inbound))
            return steps
        agent = self._plan.agents.get(lineage.agent)
        if agent is not None and (agent.undo is not None or why_it_stands(agent)):
            steps.append(await self._failing_step(agent, inbound))
        return steps

    async def _failed_branch(self, agent: AgentPlan, at: Step, joined: Inbound) -> UndoStep:
        """A branch's failure, read back: the join's event carries only the one that it carried out."""
        name, version, partition, offset, reason = at
        topic = self._topics.of_step(name, reason)
        try:
            value, headers = await self._recall(topic, partition, offset)
        except LookupError as error:
            lineage = joined.lineage
            key = self._key(lineage.case_id, lineage.epoch, version, name)
            return UndoStep(agent=name, version=version, key=key, lost=f"what it had accepted is gone: {error}")
        message = Delivered(topic, partition, offset, 0, joined.message.key, value, list(headers.items()))
        return await self._failing_step(agent, event_of_the_saga(self._plan, self._topics, message))

    async def _failing_step(self, agent: AgentPlan, inbound: Inbound) -> UndoStep:
        """The step that failed: its effect may or may not have happened, so it is undone first."""
        lineage, message = inbound.lineage, inbound.message
        names = {contract.__contract__.name for contract in agent.accepts}
        step = UndoStep(
            agent=agent.name,
            version=lineage.version,
            key=self._key(lineage.case_id, lineage.epoch, lineage.version, agent.name),
            lost=why_it_stands(agent),
        )
        try:
            said = inbound.headers.get("ce_type", b"").decode("utf-8", "replace")
            if not agent.joins and said in names and message.value is not None:
                schema = inbound.headers.get("ce_dataschema")
                step.inputs = [_carried(message.topic, message.partition, message.offset, message.value, schema)]
            else:
                step.inputs = [await self._said(at) for at in inputs_of(self._plan, agent, lineage.steps)]
            key = await self._key_given(lineage.steps)
            step.key = key or step.key
        except LookupError as error:
            step.lost = step.lost or f"what it had accepted is gone: {error}"
        return step

    async def done(self, history: Sequence[Step], epoch: int, case_id: str) -> list[UndoStep]:
        """What was done and still stands, the last step first."""
        steps = []
        for done in steps_to_undo(self._plan, history):
            name, version, partition, offset, reason = history[done.index]
            step = UndoStep(
                agent=done.agent, version=version, key=self._key(case_id, epoch, version, done.agent), lost=done.lost
            )
            steps.append(step)
            if done.lost:
                continue
            agent = self._plan.agents[done.agent]
            before = history[: done.index]
            try:
                topic = self._topics.of_step(name, reason)
                value, headers = await self._recall(topic, partition, offset)
                step.output = _carried(topic, partition, offset, value, headers.get("ce_dataschema"))
                of_epoch = headers.get("ce_epoch", b"")
                if of_epoch.isdigit():
                    step.key = self._key(case_id, int(of_epoch), version, done.agent)
                step.key = await self._key_given(before) or step.key
                step.inputs = [await self._said(at) for at in inputs_of(self._plan, agent, before)]
            except LookupError as error:
                step.lost = f"what it had accepted and emitted is gone: {error}"
        return steps

    async def _key_given(self, before: Sequence[Step]) -> str:
        """The idempotency key that an operator's event gave to the turn that read it (the newest of `before`)."""
        if not before or not before[-1][0].endswith(".inbox"):
            return ""
        name, _, partition, offset, reason = before[-1]
        _, headers = await self._recall(self._topics.of_step(name, reason), partition, offset)
        return headers.get("ce_idempotencykey", b"").decode("utf-8", "replace")

    async def _said(self, at: Step) -> SaidThen:
        topic = self._topics.of_step(at[0], at[4])
        value, headers = await self._recall(topic, at[2], at[3])
        return _carried(topic, at[2], at[3], value, headers.get("ce_dataschema"))

    def _key(self, case_id: str, epoch: int, version: int, agent: str) -> str:
        return f"{self._plan.workflow}/{case_id}/{epoch}/{version}/{agent}"


def _carried(topic: str, partition: int, offset: int, value: bytes | None, schema: bytes | None) -> SaidThen:
    said = SaidThen(
        topic=topic,
        partition=partition,
        offset=offset,
        dataschema=schema.decode("utf-8", "replace") if schema is not None else None,
    )
    if value is not None and len(value) <= CARRIED_MAX_BYTES:
        try:
            said.text = value.decode()
        except UnicodeDecodeError:
            said.raw = value
    return said
