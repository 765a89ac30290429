"""Writing events: the headers that every state version carries, a case's outcome, a dead letter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from misstep.agents.inbound import Delivered, Inbound, header_map
from misstep.agents.plan import Plan
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Outcome, encode
from misstep.contracts.codec import content_type
from misstep.contracts.event import (
    DEAD_LETTER,
    DETAIL_MAX_CHARS,
    ESCALATE,
    JUSTIFICATION_MAX_CHARS,
    OUTCOMES,
    Headers,
    Lineage,
    Record,
    Timestamps,
    chain_hash,
    cut_evidence,
    cut_text,
    extend_history,
    next_traceparent,
    tries_json,
)
from misstep.contracts.letter import PREFIX, Envelope

EVENT_MAX_BYTES = 1_000_000
"""Largest value that a case or an output may have. The topics' own limit is higher: failures add to what they carry."""
TOPIC_MAX_BYTES = 2_097_152
"""`max.message.bytes` of every topic: an event, headers included."""
HEADERS_ROOM_BYTES = 65_536

OutcomeName = Literal["completed", "compensated", "partly_compensated", "escalated", "dead_lettered", "cancelled"]
OUTCOME_OF: Final[Mapping[str, OutcomeName]] = {ESCALATE: "escalated", DEAD_LETTER: "dead_lettered"}

_NUMBERS = tuple(b"%d" % n for n in range(1024))
_NO_TRIES = ("ce_tries", b"[]")
_NO_EVIDENCE = ("ce_evidence", b"{}")
_NO_JUSTIFICATION = ("ce_justification", b"")
_NO_TOKENS = ("ce_tokens", b"0")
_WENT_OK = ("ce_failurereason", b"ok")


def _number(n: int) -> bytes:
    return _NUMBERS[n] if 0 <= n < 1024 else b"%d" % n


class EventWriter:
    """Writes events in one agent's name."""

    def __init__(self, plan: Plan, name: str, topics: Topics, build: str) -> None:
        self._plan = plan
        self.name = name
        self._topics = topics
        self._workflow = plan.workflow.encode()
        self._times = Timestamps()
        source = f"/{topics.namespace}/{plan.workflow}"
        self._static: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", f"{source}/{name}".encode()),
            ("ce_workflow", self._workflow),
            ("ce_agent", name.encode()),
            ("ce_score", plan.score_hash.encode()),
            ("ce_build", build.encode()),
            ("ce_authority", b"full"),
        ]
        self._static_outcome: Headers = [
            (name, f"{source}/{OUTCOMES}".encode() if name == "ce_source" else value)
            if name != "ce_agent"
            else (name, OUTCOMES.encode())
            for name, value in self._static
        ]

    def outcome(
        self,
        inbound: Inbound,
        last: Record,
        outcome: OutcomeName,
        reason: str,
        detail: str,
        now_ms: int,
        *,
        agent: str = "",
        step: str = "",
    ) -> Record:
        """The case's terminal event. Its parent is in the same transaction, so the parent's offset reads -1.

        last: the parent. agent: whose turn ended the case, if not this one's. step: the parent's name in histories, if
        not this agent's.
        """
        lineage = inbound.lineage
        value = encode(
            Outcome(
                outcome=outcome,
                failure_reason=reason,
                agent=agent or self.name,
                detail=detail[:DETAIL_MAX_CHARS],
            )
        )
        parent = header_map(last.headers)
        version = int(parent["ce_stateversion"]) + 1
        ce_id = f"{lineage.case_id}/{lineage.epoch}/{version}/{OUTCOMES}".encode()
        kind = kind_headers(Outcome)
        parent_hash = parent["ce_hash"]
        hashed = chain_hash(parent_hash, self._workflow, ce_id, kind[1][1], b"ok", b"end", b"{}", b"", value)
        history = extend_history(
            parent["ce_history"],
            step or self.name,
            version - 1,
            last.partition,
            -1,
            parent["ce_failurereason"].decode(),
        )
        headers: Headers = [
            *self._static_outcome,
            *kind,
            ("ce_id", ce_id),
            ("ce_subject", lineage.case_id.encode()),
            ("ce_time", self._times.text(now_ms)),
            ("ce_epoch", _number(lineage.epoch)),
            ("ce_stateversion", _number(version)),
            _WENT_OK,
            ("ce_route", b"end"),
            ("ce_attempts", b"1"),
            ("ce_handoffs", parent["ce_handoffs"]),
            ("ce_deadline", parent["ce_deadline"]),
            ("ce_latencyms", b"0"),
            _NO_TOKENS,
            _NO_TRIES,
            _NO_EVIDENCE,
            _NO_JUSTIFICATION,
            ("ce_history", history),
            ("ce_prevhash", parent_hash),
            ("ce_hash", hashed),
            ("traceparent", next_traceparent(parent["traceparent"], lineage.case_id, lineage.epoch, hashed)),
        ]
        return Record(self._topics.outcomes, last.partition, last.key, value, headers)

    def headers(
        self,
        inbound: Inbound,
        value: bytes | None,
        *,
        kind: Headers,
        reason: str,
        route: str,
        now_ms: int,
        latency_ms: int,
        tokens: int,
        justification: str,
        evidence: Mapping[str, object],
        handoffs_left: int,
    ) -> Headers:
        """Every header of the state version that follows `inbound`, a failure's detail and `ce_degraded` left out."""
        lineage = inbound.lineage
        message = inbound.message
        version = lineage.version + 1
        ce_id = f"{lineage.case_id}/{lineage.epoch}/{version}/{self.name}".encode()
        reason_bytes, route_bytes = reason.encode(), route.encode()
        evidence_bytes = cut_evidence(evidence) if evidence else b"{}"
        justification_bytes = cut_text(justification, JUSTIFICATION_MAX_CHARS) if justification else b""
        previous = lineage.hash
        dataschema = next((value for name, value in kind if name == "ce_dataschema"), b"")
        hashed = chain_hash(
            previous,
            self._workflow,
            ce_id,
            dataschema,
            reason_bytes,
            route_bytes,
            evidence_bytes,
            justification_bytes,
            value,
        )
        tries = inbound.tries
        return [
            *self._static,
            *kind,
            ("ce_id", ce_id),
            ("ce_subject", lineage.case_id.encode()),
            ("ce_time", self._times.text(now_ms)),
            ("ce_epoch", _number(lineage.epoch)),
            ("ce_stateversion", _number(version)),
            ("ce_failurereason", reason_bytes),
            ("ce_route", route_bytes),
            ("ce_attempts", _number(len(tries) + 1)),
            ("ce_handoffs", _number(handoffs_left)),
            ("ce_deadline", inbound.deadline),
            ("ce_latencyms", _number(latency_ms)),
            ("ce_tokens", _number(tokens)) if tokens else _NO_TOKENS,
            ("ce_tries", tries_json(tries)) if tries else _NO_TRIES,
            ("ce_evidence", evidence_bytes),
            ("ce_justification", justification_bytes),
            ("ce_history", lineage.history if lineage.joined else _with_parent(lineage, message)),
            ("ce_prevhash", previous),
            ("ce_hash", hashed),
            ("traceparent", next_traceparent(lineage.traceparent, lineage.case_id, lineage.epoch, hashed)),
        ]

    def dead_letter(
        self, inbound: Inbound, reason: str, detail: str, now_ms: int, *, group: str = "", agent: str = ""
    ) -> Record:
        """The message byte for byte, and beside it why it is dead. `group`: who consumed it, if not the agent's own.
        `agent`: whose failure it was, if not this one's."""
        message, lineage = inbound.message, inbound.lineage
        now = self._times.text(now_ms).decode()
        first = self._times.text(inbound.first_failed_ms).decode() if inbound.first_failed_ms else now
        envelope = Envelope(
            case_id=lineage.case_id,
            epoch=lineage.epoch,
            version=lineage.version + 1,
            agent=agent or self.name,
            reason=reason,
            detail=cut_text(detail, DETAIL_MAX_CHARS).decode(),
            attempts=len(inbound.tries) + 1,
            first_failure=first,
            last_failure=now,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp_ms=message.timestamp_ms,
            group=group or self._topics.group(self.name),
        )
        own: list[tuple[str, bytes | None]] = list(message.headers)
        kept = {name for name, _ in own if name.startswith(PREFIX)}
        beside = [(name, value) for name, value in envelope.headers() if name not in kept]
        value = message.value
        if value is not None and len(value) > TOPIC_MAX_BYTES - HEADERS_ROOM_BYTES:
            beside.append((f"{PREFIX}omitted", b"%d" % len(value)))
            value = None
        return Record(
            self._topics.dlq,
            message.partition,
            message.key,
            value,
            [*own, *beside],
        )


def _with_parent(lineage: Lineage, message: Delivered) -> bytes:
    return extend_history(
        lineage.history, lineage.step, lineage.version, message.partition, message.offset, lineage.reason
    )


@lru_cache(maxsize=512)
def kind_headers(contract: type[Contract]) -> Headers:
    """The three headers that name a contract: type, dataschema, content type (in this order)."""
    identity = contract.__contract__
    return [
        ("ce_type", identity.name.encode()),
        ("ce_dataschema", identity.urn.encode()),
        ("content-type", content_type(identity).encode()),
    ]
