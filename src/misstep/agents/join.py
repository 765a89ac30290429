"""Where branches meet: halves are parked until all have come, then they are one input with one history.

Plain functions; the worker and `rehearse` call the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from misstep.agents.inbound import (
    SCHEMA_INVALID,
    Delivered,
    Inbound,
    Verdict,
    header_map,
    opened_inbound,
    over_deadline,
)
from misstep.agents.plan import AgentPlan, Plan
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Misfit, Reader
from misstep.contracts.event import OK, OPERATOR, STOP, Lineage, Record, Step, broken_step

PARKED = "parked_"
"""What the headers that parking adds begin with; they are taken off again when the half is read."""

CaseKey = tuple[str, int]
"""Case id and epoch."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a branch's failure comes to now that all branches are here."""

    agent: str
    reason: str
    route: str
    detail: str
    evidence: Mapping[str, object]
    inbound: Inbound
    """The merged input, with the failed half's message in hand."""


def park(plan: Plan, agent: AgentPlan, topics: Topics, message: Delivered, headers: Mapping[str, bytes]) -> Record:
    """The record that keeps one half until the others have come."""
    inbound = opened_inbound(plan, topics, message, headers)
    lineage = inbound.lineage
    sender = topics.step_name(message.topic).partition(".")[0]
    known = plan.agents.get(sender)
    branch = known.branch if known is not None and lineage.agent != OPERATOR else ""
    branch = branch or headers.get("ce_type", b"").decode("utf-8", "replace")
    value = message.value
    beside = [
        (f"{PARKED}topic", message.topic.encode()),
        (f"{PARKED}offset", b"%d" % message.offset),
        (f"{PARKED}timestamp", b"%d" % message.timestamp_ms),
        (f"{PARKED}key", message.key),
    ]
    if value is None:  # without a value it would be taken for the half's removal
        value = b""
        beside.append((f"{PARKED}null", b"1"))
    return Record(
        topics.parked(agent.name),
        message.partition,
        _key(lineage.case_id, lineage.epoch, branch),
        value,
        [*message.headers, *beside],
    )


def removal(agent: AgentPlan, topics: Topics, half: Delivered, branch: str, case: CaseKey) -> Record:
    """The record that takes a parked half away again."""
    return Record(topics.parked(agent.name), half.partition, _key(*case, branch), None, [])


def unparked(
    key: bytes | None, partition: int, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> tuple[CaseKey, str, Delivered | None] | None:
    """A record of the parked topic: whose half, of which branch, and the half as it was delivered (None: removed).

    None for what nobody parked.
    """
    case_id, _, rest = (key or b"").decode("utf-8", "replace").rpartition("/")
    case_id, _, epoch = case_id.rpartition("/")
    if not case_id or not epoch.isdigit():
        return None
    case = (case_id, int(epoch))
    if value is None:
        return case, rest, None
    beside = {name: content for name, content in headers if name.startswith(PARKED)}
    offset, timestamp = beside.get(f"{PARKED}offset") or b"-1", beside.get(f"{PARKED}timestamp") or b"0"
    half = Delivered(
        topic=(beside.get(f"{PARKED}topic") or b"").decode(),
        partition=partition,
        offset=int(offset),
        timestamp_ms=int(timestamp),
        key=beside.get(f"{PARKED}key"),
        value=None if f"{PARKED}null" in beside else value,
        headers=[(name, content) for name, content in headers if not name.startswith(PARKED)],
    )
    return case, rest, half


def _key(case_id: str, epoch: int, branch: str) -> bytes:
    return f"{case_id}/{epoch}/{branch}".encode()


def merge(
    plan: Plan,
    agent: AgentPlan,
    topics: Topics,
    halves: Mapping[str, Delivered],
    readers: Mapping[str, Reader],
    *,
    now: bytes,
    deadline: Callable[[], bytes],
) -> Inbound | Held:
    """One input out of all halves; or, when branches failed, what the first of these failures comes to.

    halves: branch -> its half. readers: branch -> reads its contract. Never raises: what does not fit is a `misfit`.
    """
    opened = {
        branch: opened_inbound(plan, topics, half, header_map(half.headers), deadline=deadline)
        for branch, half in halves.items()
    }
    for one in opened.values():
        if one.lineage.route == STOP:
            one.lineage.step = f"{one.lineage.agent}.stop"
    lineage = _merged_lineage([(one.lineage, one.message) for one in opened.values()])
    newest = max(opened.values(), key=lambda one: (one.lineage.version, one.lineage.agent))
    inbound = Inbound(
        message=newest.message,
        lineage=lineage,
        headers=newest.headers,
        payload=None,
        misfit=next((one.misfit for one in opened.values() if one.misfit is not None), None),
        failure=None,
        deadline=min(one.deadline for one in opened.values()),
        handoffs_left=min(one.handoffs_left for one in opened.values()),
    )
    failed = [one for one in opened.values() if one.lineage.reason != OK]
    stopped = [one for one in opened.values() if one.lineage.route == STOP]
    if failed or stopped:
        return _held(inbound, stopped or failed)
    payloads: list[Contract] = []
    for contract in agent.joins:
        half = opened[contract.__contract__.name]
        if inbound.misfit is not None:
            break
        try:
            payloads.append(
                readers[contract.__contract__.name].read(
                    half.message.value, half.headers.get("ce_dataschema"), version_error=half.lineage.broken
                )
            )
        except Misfit as error:
            inbound.misfit = Verdict(
                reason=SCHEMA_INVALID,
                detail=f"{error.check}: {contract.__contract__.name}: {error.detail}",
                evidence={"stage": "input", "check": error.check, "fields": error.fields},
            )
    if inbound.misfit is None:
        inbound.payload = tuple(payloads)  # type: ignore[assignment]
        inbound.misfit = over_deadline(plan, now, inbound.deadline)
    return inbound


def _merged_lineage(parents: Sequence[tuple[Lineage, Delivered]]) -> Lineage:
    """Several parents as one: their histories in one, their hashes in order of agent name, the highest version."""
    steps: dict[tuple[int, str, int], Step] = {}
    for lineage, message in parents:
        for step in (
            *lineage.steps,
            (lineage.step, lineage.version, message.partition, message.offset, lineage.reason),
        ):
            steps.setdefault((step[1], step[0], step[3]), (step[0], step[1], step[2], step[3], step[4]))
    history = [steps[place] for place in sorted(steps)]
    by_name = sorted((lineage for lineage, _ in parents), key=lambda lineage: lineage.agent)
    highest = max(by_name, key=lambda lineage: lineage.version)
    degraded = [lineage.degraded for lineage in by_name if lineage.degraded]
    merged = Lineage(
        case_id=highest.case_id,
        epoch=highest.epoch,
        version=highest.version,
        agent=highest.agent,
        reason=OK,
        route=highest.route,
        steps=history,
        history=orjson.dumps(history),
        hash=b",".join(lineage.hash for lineage in by_name),
        handoffs=None,
        deadline=None,
        degraded=degraded[0] if degraded else None,
        traceparent=next((lineage.traceparent for lineage in by_name if lineage.traceparent), None),
        joined=True,
    )
    merged.broken = broken_step(highest.version + 1, history)
    return merged


def _held(inbound: Inbound, failed: Sequence[Inbound]) -> Held:
    """The first failure's route, with the others as evidence. First is who failed first, by its event's time."""
    ordered = sorted(failed, key=lambda one: (one.headers.get("ce_time", b""), one.lineage.agent))
    first = ordered[0]
    why = first.failure
    inbound.message, inbound.headers = first.message, first.headers
    evidence: dict[str, object] = {"failed_in": [one.lineage.agent for one in ordered]}
    if len(ordered) > 1:
        evidence["others"] = {
            one.lineage.agent: f"{one.lineage.reason}: {one.failure.detail if one.failure else ''}"
            for one in ordered[1:]
        }
    return Held(
        agent=first.lineage.agent,
        reason=first.lineage.reason,
        route=first.lineage.route,
        detail=why.detail if why is not None else "",
        evidence={**evidence, **(why.evidence if why is not None else {})},
        inbound=inbound,
    )


class Gathering:
    """The halves of one join that have come and wait, by partition. A table of the parked topic."""

    def __init__(self, branches: int) -> None:
        self._branches = branches
        self._waiting: dict[int, dict[CaseKey, dict[str, Delivered]]] = {}

    def forget(self, partition: int) -> None:
        """The partition is somebody else's, or is read again from its beginning."""
        self._waiting[partition] = {}

    def take(
        self,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        *,
        live: bool,
    ) -> tuple[CaseKey, Mapping[str, Delivered]] | None:
        """Note a record; all halves of its case, when it is the last one that was missing.

        live: it is to be acted on, and not only noted (an earlier owner has done so).
        """
        found = unparked(key, partition, value, headers)
        if found is None:
            return None
        case, branch, half = found
        waiting = self._waiting.setdefault(partition, {})
        if half is None:
            here = waiting.get(case)
            if here is not None:
                here.pop(branch, None)
                if not here:
                    del waiting[case]
            return None
        here = waiting.setdefault(case, {})
        here[branch] = half
        if len(here) < self._branches or not live:
            return None
        del waiting[case]
        return case, here

    def count(self) -> int:
        """Cases that wait for a branch."""
        return sum(map(len, self._waiting.values()))
