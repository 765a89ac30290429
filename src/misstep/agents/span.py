"""What a committed event says of itself as a span of its case's trace.

Everything stands in the event: its span id is in its `traceparent`, that of what it follows from in `ce_prevhash`
(`next_traceparent` takes span ids from hashes), its end in `ce_time`, its attempts in `ce_tries`. So a span is the same
whoever makes it, and it is made of what was committed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from misstep.agents.inbound import Inbound, header_map
from misstep.contracts.event import CASES, END, OK, OPERATOR, OUTCOMES, Record

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_MS = 1_000_000
_ATTRIBUTES = {
    "ce_workflow": "misstep.workflow",
    "ce_agent": "misstep.agent",
    "ce_subject": "misstep.case_id",
    "ce_type": "misstep.contract",
    "ce_failurereason": "misstep.reason",
    "ce_route": "misstep.route",
    "ce_degraded": "misstep.degraded",
    "ce_build": "misstep.build",
    "ce_authority": "misstep.authority",
    "ce_failuredetail": "misstep.detail",
    "ce_justification": "misstep.justification",
}
_NUMBERS = {
    "ce_epoch": "misstep.epoch",
    "ce_stateversion": "misstep.version",
    "ce_attempts": "misstep.attempts",
    "ce_handoffs": "misstep.handoffs_left",
    "ce_tokens": "misstep.tokens",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened within a span."""

    name: str
    at_ns: int
    attributes: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Span:
    """One span, in the terms of OpenTelemetry. Times are in ns since 1970."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    flags: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str | int]
    moments: Sequence[Moment] = ()
    linked_ids: Sequence[int] = ()
    """The other parents of a join, in the same trace."""
    failed: str | None = None
    """What went wrong; None when nothing did."""


def span_of(record: Record) -> Span | None:
    """The span of an event that a worker wrote; None for what is no state version (a dead letter, a parked half)."""
    headers = header_map(record.headers)
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", b""))
    if found is None or "ce_prevhash" not in headers or record.topic.endswith((".dlq", ".parked")):
        return None
    parents = [int(one[:16], 16) for one in headers["ce_prevhash"].split(b",") if one[:16]]
    end_ns = _ns(headers["ce_time"])
    tries = orjson.loads(headers.get("ce_tries") or b"[]")
    waits_ms = [wait for _, wait in tries]
    latency_ns = int(headers.get("ce_latencyms") or 0) * _MS
    start_ns = end_ns - latency_ns - sum(waits_ms) * _MS
    reason = headers["ce_failurereason"].decode()
    return Span(
        name=_name(headers, record),
        trace_id=int(found[1], 16),
        span_id=int(found[2], 16),
        parent_id=parents[0] if parents else None,
        flags=int(found[3], 16),
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=_attributes(headers) | _of_outcome(headers, record),
        moments=_retries(tries, start_ns, latency_ns),
        linked_ids=parents[1:],
        failed=None if reason == OK else f"{reason}: {headers.get('ce_failuredetail', b'').decode('utf-8', 'replace')}",
    )


def span_of_input(origin: Inbound, first: Record) -> Span | None:
    """The span of an event that no worker wrote, from the input of the turn that came first of it.

    A case as its producer published it, or an operator's event: it lasts until the turn begins. None for other inputs,
    which have spans already.
    """
    lineage = origin.lineage
    own = _TRACEPARENT.fullmatch(lineage.traceparent or b"")
    made = span_of(first)
    if made is None or made.parent_id is None or (lineage.version != 0 and lineage.agent != OPERATOR):
        return None
    parent: int | None = None
    if lineage.version == 0:
        if own is not None and int(own[2], 16) != made.parent_id:
            parent = int(own[2], 16)  # the producer has a span of its own, and the case belongs below it
    elif previous := origin.headers.get("ce_prevhash", b"")[:16]:
        parent = int(previous, 16)
    headers = {name: value for name, value in origin.headers.items() if name.startswith("ce_")}
    headers.setdefault("ce_subject", lineage.case_id.encode())
    headers.setdefault("ce_workflow", dict(first.headers).get("ce_workflow") or b"")
    start_ns = origin.message.timestamp_ms * _MS
    return Span(
        name=CASES if lineage.version == 0 else OPERATOR,
        trace_id=made.trace_id,
        span_id=made.parent_id,
        parent_id=parent,
        flags=made.flags,
        start_ns=min(start_ns, made.start_ns) if start_ns > 0 else made.start_ns,
        end_ns=made.start_ns,
        attributes=_attributes(headers) | {"misstep.epoch": lineage.epoch, "misstep.version": lineage.version},
    )


def _name(headers: Mapping[str, bytes], record: Record) -> str:
    agent = headers["ce_agent"].decode()
    if not record.topic.endswith(".undo"):
        return agent
    return "compensate" if agent == "undo" else f"undo {agent}"


def _attributes(headers: Mapping[str, bytes]) -> dict[str, str | int]:
    said: dict[str, str | int] = {
        _ATTRIBUTES[name]: value.decode("utf-8", "replace")
        for name, value in headers.items()
        if _ATTRIBUTES.get(name) and value
    }
    said |= {_NUMBERS[name]: int(value) for name, value in headers.items() if name in _NUMBERS and value.isdigit()}
    return said


def _of_outcome(headers: Mapping[str, bytes], record: Record) -> dict[str, str | int]:
    if headers["ce_agent"] != OUTCOMES.encode() or headers["ce_route"] != END.encode():
        return {}
    said = orjson.loads(record.value or b"{}")
    return {
        "misstep.outcome": str(said.get("outcome", "")),
        "misstep.ended_by": str(said.get("agent", "")),
        "misstep.ended_with": str(said.get("failure_reason", "")),
    }


def _retries(tries: Sequence[tuple[str, int]], start_ns: int, latency_ns: int) -> tuple[Moment, ...]:
    """When each attempt that was made again had failed. How long each took is not kept: they share the time alike."""
    each_ns = latency_ns // (len(tries) + 1)
    moments, at_ns = [], start_ns
    for attempt, (reason, wait_ms) in enumerate(tries, 1):
        at_ns += each_ns
        said: dict[str, str | int] = {"misstep.reason": reason, "misstep.wait_ms": wait_ms, "misstep.attempt": attempt}
        moments.append(Moment("retry", at_ns, said))
        at_ns += wait_ms * _MS
    return tuple(moments)


def _ns(text: bytes) -> int:
    return round(datetime.fromisoformat(text.decode()).timestamp() * 1000) * _MS
