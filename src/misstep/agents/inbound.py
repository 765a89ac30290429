"""What an agent is handed: a message read, step by step, into a turn's input or the reason why it cannot be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from misstep.agents.earlier import Recall, newest_saying
from misstep.agents.failure import Failure
from misstep.agents.plan import AgentPlan, Plan, Source
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Misfit, Reader
from misstep.contracts.event import (
    CASES,
    OK,
    OPERATOR,
    Lineage,
    MalformedEvent,
    case_id_of,
    hash_of_bare_case,
    read_lineage,
)

SCHEMA_INVALID = "schema_invalid"
LATENCY_BLOW = "latency_blow"


@dataclass(slots=True)
class Delivered:
    """A message as it was delivered."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(slots=True)
class Verdict:
    """How an attempt went: an output, or a reason with its detail and evidence."""

    output: Contract | None = None
    reason: str = OK
    detail: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    retry_after_ms: int = 0
    free: bool = False
    """It was no attempt: the turn waits for a circuit, or has only tried out, for all, whether a dependency is back."""


@dataclass(slots=True)
class Inbound:
    """One message in one agent's hands, and what has become of it so far."""

    message: Delivered
    lineage: Lineage
    headers: Mapping[str, bytes]
    payload: Contract | None
    misfit: Verdict | None
    """Why the input cannot be worked on; the turn then fails with it without being run."""
    failure: Failure[str] | None
    """What routed the case here."""
    deadline: bytes
    """RFC 3339 text of the moment when the case's time budget is over."""
    handoffs_left: int
    tries: list[tuple[str, int]] = field(default_factory=list)
    spent_ms: float = 0.0
    """Time that the attempts took so far, waits excluded."""
    spent_tokens: int = 0
    """Tokens that the attempts before this one cost."""
    first_failed_ms: int = 0
    read_as: type[Contract] | None = None
    """The contract that the payload was read by."""

    def let_go(self) -> None:
        """The turn is over: its payload goes at once. (Thousands that wait to be committed cost more time than memory:
        each garbage collection walks through all their parts.)"""
        self.payload = None


def hears(source: Source, agent: bytes, headers: Mapping[str, bytes]) -> bool:
    """Is this message for the agent? By headers alone; without headers it is, so that somebody accounts for it."""
    if source.routes:
        route = headers.get("ce_route")
        if route is not None and route not in source.routes:
            return False
    if source.contracts:
        contract = headers.get("ce_type")
        if contract is not None and contract not in source.contracts:
            return False
    carried = headers.get("ce_carried")
    return not (carried and agent in carried.split(b","))


def header_map(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """Headers by name. A header without a value counts as missing; of a repeated one the last counts."""
    found: dict[str, bytes | None] = dict(headers)
    if None in found.values():
        return {name: value for name, value in found.items() if value is not None}
    return found  # type: ignore[return-value]


def opened_inbound(
    plan: Plan,
    topics: Topics,
    message: Delivered,
    headers: Mapping[str, bytes],
    *,
    deadline: Callable[[], bytes] = lambda: b"",
) -> Inbound:
    """What a message's headers say of its case, its payload unread; a `misfit` when they do not hold together."""
    case_id = case_id_of(message.key, message.topic, message.partition, message.offset)
    initial = message.topic == topics.cases
    misfit: Verdict | None = None
    try:
        lineage = read_lineage(headers, workflow=plan.workflow, case_id=case_id, value=message.value, initial=initial)
    except MalformedEvent as error:
        lineage = _what_can_be_said(plan, case_id, headers, message)
        misfit = Verdict(reason=SCHEMA_INVALID, detail=f"schema: {error}", evidence={"stage": "input", **_at(message)})
    if lineage.agent == OPERATOR:
        lineage.step = topics.step_name(message.topic)
    inbound = Inbound(
        message=message,
        lineage=lineage,
        headers=headers,
        payload=None,
        misfit=misfit,
        failure=None,
        deadline=lineage.deadline or deadline(),
        handoffs_left=plan.handoffs if lineage.handoffs is None else lineage.handoffs,
    )
    if lineage.reason != OK:
        inbound.failure = why_here(lineage, headers)
    elif lineage.agent == OPERATOR:
        inbound.failure = why_called(headers)
    return inbound


def admit(
    plan: Plan,
    agent: AgentPlan,
    reader: Reader,
    topics: Topics,
    message: Delivered,
    headers: Mapping[str, bytes],
    *,
    now: bytes,
    deadline: Callable[[], bytes],
    recall: Recall,
) -> Inbound:
    """Read a message: headers, then payload against the contract. Never raises: what does not fit is a `misfit`.

    now: RFC 3339 text of this moment. deadline: makes the deadline's text of a case that begins now.
    """
    inbound = opened_inbound(plan, topics, message, headers, deadline=deadline)
    if inbound.misfit is not None:
        return inbound
    lineage = inbound.lineage
    value, dataschema = message.value, headers.get("ce_dataschema")
    contract = headers.get("ce_type")
    if lineage.reason != OK and contract is not None and contract.decode("utf-8", "replace") not in agent.accepts_names:
        try:
            value, dataschema = newest_saying(plan, topics, lineage.steps, agent.accepts_names, recall)
        except LookupError as error:
            inbound.misfit = Verdict(
                reason=SCHEMA_INVALID, detail=f"schema: {error}", evidence={"stage": "input", **_at(message)}
            )
            return inbound
    try:
        inbound.payload = reader.read(value, dataschema, version_error=lineage.broken)
        inbound.read_as = type(inbound.payload)
    except Misfit as error:
        inbound.misfit = Verdict(
            reason=SCHEMA_INVALID,
            detail=f"{error.check}: {error.detail}",
            evidence={"stage": "input", "check": error.check, "fields": error.fields, **_at(message)},
        )
        return inbound
    inbound.misfit = over_deadline(plan, now, inbound.deadline)
    return inbound


def over_deadline(plan: Plan, now: bytes, deadline: bytes) -> Verdict | None:
    """The verdict on a turn that begins after its case's time budget; None when there is time."""
    if now <= deadline:
        return None
    return Verdict(
        reason=LATENCY_BLOW,
        detail=f"the case's time budget of {plan.deadline_ms} ms was over before this turn began",
        evidence={"deadline": deadline.decode()},
    )


def _at(message: Delivered) -> dict[str, object]:
    return {"topic": message.topic, "partition": message.partition, "offset": message.offset}


def _what_can_be_said(plan: Plan, case_id: str, headers: Mapping[str, bytes], message: Delivered) -> Lineage:
    """The lineage of an event whose headers are broken: what can be read of it, and version 0 for what cannot."""

    def number(name: str) -> int:
        raw = headers.get(name, b"")
        return int(raw) if raw.isdigit() and len(raw) <= 9 else 0

    return Lineage(
        case_id=case_id,
        epoch=number("ce_epoch"),
        version=number("ce_stateversion"),
        agent=headers.get("ce_agent", CASES.encode()).decode("ascii", "replace"),
        reason=OK,
        route="",
        steps=(),
        history=b"[]",
        hash=headers.get("ce_hash") or hash_of_bare_case(plan.workflow, case_id, message.value),
        handoffs=None,
        deadline=headers.get("ce_deadline"),
        degraded=None,
        traceparent=headers.get("traceparent"),
    )


def why_here(lineage: Lineage, headers: Mapping[str, bytes]) -> Failure[str]:
    """What an event says of the failure that it is."""
    try:
        evidence = orjson.loads(headers.get("ce_evidence", b"{}"))
    except orjson.JSONDecodeError:
        evidence = {}
    detail = headers.get("ce_failuredetail", b"").decode("utf-8", "replace")
    return Failure(lineage.reason, detail, evidence if isinstance(evidence, dict) else {}, lineage.agent)


CALLED_BY = "called_by"
"""In the evidence of an operator's event: the failure that had routed the case to the agent in an earlier life."""


def why_called(headers: Mapping[str, bytes]) -> Failure[str] | None:
    """The failure that an operator's event hands on to an agent that only ever hears of failures."""
    try:
        said = orjson.loads(headers.get("ce_evidence", b"{}")).get(CALLED_BY)
        return Failure(str(said["reason"]), str(said["detail"]), dict(said["evidence"]), str(said["agent"]))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None
