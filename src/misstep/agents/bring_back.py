"""Bringing a case back: the operator's event that begins a new life of it, where the last one ended.

Plain functions from bytes and headers to records. A redriven dead letter, an answered escalation and a fork from an
earlier version are all written by `bring_back`; what they differ in is who gets which payload, and what is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from misstep.agents.branches_again import halves, join_of
from misstep.agents.earlier import Recall
from misstep.agents.event_writer import EventWriter
from misstep.agents.failure import Failure
from misstep.agents.inbound import CALLED_BY, Delivered, header_map, opened_inbound
from misstep.agents.plan import Plan
from misstep.bus.topics import Topics
from misstep.contracts.event import (
    END,
    JUSTIFICATION_MAX_CHARS,
    NEXT,
    OK,
    OPERATOR,
    Headers,
    MalformedEvent,
    Record,
    Step,
    Timestamps,
    broken_step,
    chain_hash,
    cut_evidence,
    cut_text,
    event_id,
    extend_history,
    next_traceparent,
    parse_history,
)

IDEMPOTENCY_KEY: Final = "ce_idempotencykey"
"""Header of an operator's event: the key that the turn on it uses instead of its own."""

_KIND: Final = ("ce_type", "ce_dataschema", "content-type")


@dataclass(frozen=True, slots=True)
class Stopped:
    """The state version at which a life of a case ended; what brings the case back follows it."""

    case_id: str
    epoch: int
    version: int
    step: str
    """Its name in histories."""
    partition: int
    """The case's own, the same in every topic."""
    offset: int
    reason: str
    hash: bytes
    history: bytes
    """Its `ce_history`."""
    traceparent: bytes | None = None


def stopped_at(topics: Topics, topic: str, partition: int, offset: int, headers: Mapping[str, bytes]) -> Stopped:
    """Read it off the event itself. MalformedEvent when a header is missing or is no number."""
    try:
        subject, agent = headers["ce_subject"].decode(), headers["ce_agent"].decode()
        epoch, version = headers["ce_epoch"], headers["ce_stateversion"]
        if not (epoch.isdigit() and version.isdigit()):
            raise MalformedEvent("ce_epoch or ce_stateversion is not a number")
        return Stopped(
            case_id=subject,
            epoch=int(epoch),
            version=int(version),
            step=topics.step_name(topic) if agent == OPERATOR else agent,
            partition=partition,
            offset=offset,
            reason=headers["ce_failurereason"].decode(),
            hash=headers["ce_hash"],
            history=headers["ce_history"],
            traceparent=headers.get("traceparent"),
        )
    except KeyError as missing:
        raise MalformedEvent(f"header {missing.args[0]} is missing") from None
    except UnicodeDecodeError:
        raise MalformedEvent("a header is not UTF-8 text") from None


def key_of_turn(workflow: str, case_id: str, epoch: int, version: int, agent: str, given: Mapping[str, bytes]) -> bytes:
    """The idempotency key that a turn used; `given`: headers of the message that it was given, which may name one."""
    return given.get(IDEMPOTENCY_KEY) or f"{workflow}/{case_id}/{epoch}/{version}/{agent}".encode()


@dataclass(frozen=True, slots=True)
class FailedTurn:
    """The turn that a life of a case ended with, as it is to be run again."""

    idempotency_key: bytes
    called_by: Failure[str] | None
    """The failure that had routed the case to the agent; None on the happy path."""


def failed_turn(plan: Plan, topics: Topics, stopped: Stopped, agent: str, recall: Recall) -> FailedTurn | None:
    """The agent's turn that failed last in this life of the case; None when none did.

    What the turn was given is read back where that may say more; what is no longer in Kafka says nothing. Raises
    MalformedEvent when the case's history is unreadable.
    """
    itself = (stopped.step, stopped.version, stopped.partition, stopped.offset, stopped.reason)
    steps = [*parse_history(stopped.history), itself]
    for index in range(len(steps) - 1, 0, -1):
        name, version, _, _, reason = steps[index]
        if name != agent or reason == OK:
            continue
        given: Mapping[str, bytes] = {}
        called_by = None
        before = _before(plan, steps[:index], agent, version)
        if before is not None and (before[0] == f"{agent}.inbox" or before[4] != OK):
            topic = topics.of_step(before[0], before[4])
            with suppress(LookupError):
                value, given = recall(topic, before[2], before[3])
                message = Delivered(topic, before[2], before[3], 0, None, value, list(given.items()))
                called_by = opened_inbound(plan, topics, message, given).failure
        key = key_of_turn(plan.workflow, stopped.case_id, stopped.epoch, version, agent, given)
        return FailedTurn(key, called_by)
    return None


def _before(plan: Plan, steps: Sequence[Step], agent: str, version: int) -> Step | None:
    """What a turn was given: the version before it, of several that of its own branch; None when that is not clear."""
    known = plan.agents.get(agent)
    parents = [step for step in steps if step[1] == version - 1]
    own = [step for step in parents if step[0] == f"{agent}.inbox"]
    if not own and len(parents) > 1 and known is not None:
        own = [
            step
            for step in parents
            if (other := plan.agents.get(step[0])) is not None
            and (other.held_by, other.branch) == (known.held_by, known.branch)
        ]
    found = own or (parents if len(parents) == 1 else [])
    return found[-1] if found else None


def kind_of(headers: Mapping[str, bytes]) -> Headers:
    """What an event's headers say of its contract, as headers of another event that carries the same value."""
    return [(name, headers[name]) for name in _KIND if name in headers]


def bring_back(
    plan: Plan,
    topics: Topics,
    build: str,
    stopped: Stopped,
    target: Target,
    *,
    now_ms: int,
    justification: str,
    evidence: Mapping[str, object],
    route: str = NEXT,
) -> Record:
    """The operator's event in the target's inbox.

    justification: who does this and why. route: other than `next` when the agent itself is not to act on it (see
    `completed`).

    It follows `stopped`: its history is that one's and `stopped` itself. Where that history does not hold together
    (the case's own headers were broken when it was published), it begins anew with `stopped` as version 0.
    """
    history, version = _history_and_version(stopped)
    epoch = stopped.epoch + 1
    ce_id = event_id(stopped.case_id, epoch, version, OPERATOR)
    workflow = plan.workflow.encode()
    dataschema = next((said for name, said in target.kind if name == "ce_dataschema"), b"")
    evidence_bytes = cut_evidence({**evidence, **_called_by(target)})  # last, so that it is what is cut
    justification_bytes = cut_text(justification, JUSTIFICATION_MAX_CHARS)
    hashed = chain_hash(
        stopped.hash,
        workflow,
        ce_id,
        dataschema,
        OK.encode(),
        route.encode(),
        evidence_bytes,
        justification_bytes,
        target.value,
    )
    at = Timestamps().text(now_ms)
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/{topics.namespace}/{plan.workflow}/{OPERATOR}".encode()),
        ("ce_workflow", workflow),
        ("ce_agent", OPERATOR.encode()),
        ("ce_score", plan.score_hash.encode()),
        ("ce_build", build.encode()),
        ("ce_authority", b"full"),
        *target.kind,
        ("ce_id", ce_id),
        ("ce_subject", stopped.case_id.encode()),
        ("ce_time", at),
        ("ce_epoch", b"%d" % epoch),
        ("ce_stateversion", b"%d" % version),
        ("ce_failurereason", OK.encode()),
        ("ce_route", route.encode()),
        ("ce_attempts", b"1"),
        ("ce_handoffs", b"%d" % plan.handoffs),
        ("ce_latencyms", b"0"),
        ("ce_tokens", b"0"),
        ("ce_tries", b"[]"),
        ("ce_evidence", evidence_bytes),
        ("ce_justification", justification_bytes),
        ("ce_history", history),
        ("ce_prevhash", stopped.hash),
        ("ce_hash", hashed),
        ("traceparent", next_traceparent(stopped.traceparent, stopped.case_id, epoch, hashed)),
    ]
    if target.failed is not None:
        headers.append((IDEMPOTENCY_KEY, target.failed.idempotency_key))
    if route == END:
        headers.append(("ce_deadline", at))
    return Record(topics.inbox(target.agent), stopped.partition, stopped.case_id.encode(), target.value, headers)


@dataclass(frozen=True, slots=True)
class Target:
    """Who is given what in a case's next life."""

    agent: str
    value: bytes | None
    kind: Headers
    """The headers that name the value's contract."""
    failed: FailedTurn | None = None
    """The turn that is run again, if one is."""


def with_other_branches(
    plan: Plan, topics: Topics, stopped: Stopped, origin: str, targets: Sequence[Target], recall: Recall
) -> list[Target]:
    """The targets, and with them what the other branches bring, when `origin` is on a branch of a fork, or is a join.

    origin: the agent whose failure ended the case. For a join that is run again as it was, `targets` is empty.
    LookupError when a branch's half is no longer in Kafka, MalformedEvent when the case's history is unreadable.
    """
    join = join_of(plan, origin)
    if join is None or (join.name == origin and targets):
        return list(targets)
    steps = parse_history(stopped.history)
    own = "" if join.name == origin else plan.agents[origin].branch
    found = list(targets)
    for half in halves(plan, topics, join, steps, recall):
        if half.branch == own:
            continue
        turn = None
        if half.again:
            turn = failed_turn(plan, topics, stopped, half.inbox, recall)
        elif join.name == origin:
            key = key_of_turn(plan.workflow, stopped.case_id, stopped.epoch, stopped.version, origin, half.headers)
            turn = FailedTurn(key, None)
        found.append(Target(half.inbox, half.value, kind_of(half.headers), turn))
    return found


def completed(plan: Plan, topics: Topics, build: str, ended_by: Record, agent: str, *, now_ms: int) -> Record:
    """The outcome of a case that an operator's event (`bring_back` with route `end`) completes."""
    inbound = opened_inbound(plan, topics, as_delivered(ended_by, now_ms), header_map(ended_by.headers))
    return EventWriter(plan, OPERATOR, topics, build).outcome(
        inbound, ended_by, "completed", OK, "", now_ms, agent=agent, step=f"{agent}.inbox"
    )


def as_delivered(record: Record, now_ms: int) -> Delivered:
    """A record of this very transaction as its reader will see it; its offset is not known yet."""
    return Delivered(record.topic, record.partition, -1, now_ms, record.key, record.value, list(record.headers))


def _called_by(target: Target) -> dict[str, object]:
    why = target.failed.called_by if target.failed is not None else None
    if why is None:
        return {}
    said = {"agent": why.agent, "reason": why.reason, "detail": why.detail, "evidence": dict(why.evidence)}
    return {CALLED_BY: said}


def _history_and_version(stopped: Stopped) -> tuple[bytes, int]:
    try:
        broken = broken_step(stopped.version, parse_history(stopped.history))
    except MalformedEvent as error:
        broken = str(error)
    if broken is not None:
        return extend_history(b"[]", stopped.step, 0, stopped.partition, stopped.offset, stopped.reason), 1
    extended = extend_history(
        stopped.history, stopped.step, stopped.version, stopped.partition, stopped.offset, stopped.reason
    )
    return extended, stopped.version + 1
