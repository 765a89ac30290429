"""Writing state versions: an agent's result becomes the records that one transaction produces."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import orjson

from misstep.agents.inbound import Inbound, header_map
from misstep.agents.plan import AgentPlan, Plan
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Escalated, Outcome, encode
from misstep.contracts.codec import content_type
from misstep.contracts.event import (
    DEAD_LETTER,
    DEGRADE,
    DETAIL_MAX_CHARS,
    END,
    ESCALATE,
    JUSTIFICATION_MAX_CHARS,
    NEXT,
    OK,
    OUTCOMES,
    Headers,
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


class Oversized(ValueError):
    """An output too large to be an event."""


class Emitter:
    """Writes one agent's state versions."""

    def __init__(self, plan: Plan, agent: AgentPlan, topics: Topics, build: str) -> None:
        self._plan = plan
        self._agent = agent
        self._topics = topics
        self._ok_topic = topics.agent(agent.name)
        self._failed_topic = topics.failed(agent.name)
        self._workflow = plan.workflow.encode()
        self._times = Timestamps()
        source = f"/{topics.namespace}/{plan.workflow}"
        self._static: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", f"{source}/{agent.name}".encode()),
            ("ce_workflow", self._workflow),
            ("ce_agent", agent.name.encode()),
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

    def ok(
        self,
        inbound: Inbound,
        output: Contract,
        *,
        now_ms: int,
        latency_ms: int,
        tokens: int,
        justification: str,
        evidence: Mapping[str, object],
        degraded: str | None = None,
        detail: str = "",
    ) -> list[Record]:
        """The state version of a turn that went well (or degraded); with the outcome, if nobody hears it.

        Raises Oversized.
        """
        value = encode(output)
        if len(value) > EVENT_MAX_BYTES:
            raise Oversized(f"the output is {len(value):,} bytes; an event's value may have {EVENT_MAX_BYTES:,}")
        kind = _kind_headers(type(output))
        final = output.__contract__.name in self._agent.final
        route = DEGRADE if degraded else END if final else NEXT
        headers = self._headers(
            inbound,
            value,
            kind=kind,
            reason=OK,
            route=route,
            now_ms=now_ms,
            latency_ms=latency_ms,
            tokens=tokens,
            justification=justification,
            evidence=evidence,
            handoffs_left=inbound.handoffs_left,
        )
        if degraded:
            headers.append(("ce_degraded", degraded.encode()))
            headers.append(("ce_failuredetail", cut_text(detail, DETAIL_MAX_CHARS)))
        record = Record(self._ok_topic, inbound.message.partition, inbound.lineage.case_id.encode(), value, headers)
        if not final:
            return [record]
        if self._plan.escalation == self._agent.name:
            reason = getattr(inbound.payload, "reason", OK)
            return [record, self.outcome(inbound, record, "escalated", reason, "", now_ms)]
        return [record, self.outcome(inbound, record, "completed", OK, "", now_ms)]

    def failed(
        self,
        inbound: Inbound,
        *,
        reason: str,
        route: str,
        detail: str,
        evidence: Mapping[str, object],
        now_ms: int,
        latency_ms: int,
        tokens: int = 0,
        handoffs_left: int | None = None,
    ) -> list[Record]:
        """The state version of a turn that failed, and whatever its route brings with it: dead letter, outcome."""
        value = inbound.message.value
        kind: Headers
        if route == ESCALATE:
            value = self._escalation(inbound, reason, detail, evidence)
            kind = _kind_headers(Escalated)
        else:
            kind = self._received_kind(inbound)
        evidence = dict(evidence)
        if value is not None and len(value) > TOPIC_MAX_BYTES - HEADERS_ROOM_BYTES:
            evidence["value_left_out"] = f"{len(value):,} bytes; see {inbound.message.topic}"
            value = None
        headers = self._headers(
            inbound,
            value,
            kind=kind,
            reason=reason,
            route=route,
            now_ms=now_ms,
            latency_ms=latency_ms,
            tokens=tokens,
            justification="",
            evidence=evidence,
            handoffs_left=inbound.handoffs_left if handoffs_left is None else handoffs_left,
        )
        headers.append(("ce_failuredetail", cut_text(detail, DETAIL_MAX_CHARS)))
        record = Record(self._failed_topic, inbound.message.partition, inbound.lineage.case_id.encode(), value, headers)
        records = [record]
        if route == DEAD_LETTER:
            records.append(self._dead_letter(inbound, reason, detail, now_ms))
        ends = route == DEAD_LETTER or (route == ESCALATE and self._plan.escalation in (None, self._agent.name))
        if ends:
            records.append(self.outcome(inbound, record, OUTCOME_OF[route], reason, detail, now_ms))
        return records

    def outcome(
        self, inbound: Inbound, last: Record, outcome: OutcomeName, reason: str, detail: str, now_ms: int
    ) -> Record:
        """The case's terminal event. Its parent is in the same transaction, so the parent's offset reads -1."""
        lineage = inbound.lineage
        agent = self._agent.name
        value = encode(Outcome(outcome=outcome, failure_reason=reason, agent=agent, detail=detail[:DETAIL_MAX_CHARS]))
        parent = header_map(last.headers)
        version = lineage.version + 2
        ce_id = f"{lineage.case_id}/{lineage.epoch}/{version}/{OUTCOMES}".encode()
        kind = _kind_headers(Outcome)
        parent_hash = parent["ce_hash"]
        hashed = chain_hash(parent_hash, self._workflow, ce_id, kind[1][1], b"ok", b"end", b"{}", b"", value)
        history = extend_history(
            parent["ce_history"],
            agent,
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

    def _headers(
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
        lineage = inbound.lineage
        message = inbound.message
        version = lineage.version + 1
        ce_id = f"{lineage.case_id}/{lineage.epoch}/{version}/{self._agent.name}".encode()
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
            (
                "ce_history",
                extend_history(
                    lineage.history, lineage.agent, lineage.version, message.partition, message.offset, lineage.reason
                ),
            ),
            ("ce_prevhash", previous),
            ("ce_hash", hashed),
            ("traceparent", next_traceparent(lineage.traceparent, lineage.case_id, lineage.epoch, hashed)),
        ]

    def _received_kind(self, inbound: Inbound) -> Headers:
        """Contract headers of a failed version: what it received is what it carries."""
        given = inbound.headers
        if "ce_type" in given and "ce_dataschema" in given:
            return [
                ("ce_type", given["ce_type"]),
                ("ce_dataschema", given["ce_dataschema"]),
                ("content-type", given.get("content-type", b"application/json")),
            ]
        if inbound.payload is not None:
            return _kind_headers(type(inbound.payload))
        return [(name, given[name]) for name in ("ce_type", "ce_dataschema", "content-type") if name in given]

    def _escalation(self, inbound: Inbound, reason: str, detail: str, evidence: Mapping[str, object]) -> bytes:
        raw = inbound.message.value or b""
        try:
            payload = orjson.loads(raw)
            orjson.dumps(payload)
            unreadable = b""
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            payload, unreadable = None, raw
        body = {
            "agent": self._agent.name,
            "reason": reason,
            "detail": detail[:DETAIL_MAX_CHARS],
            "evidence": orjson.loads(cut_evidence(evidence)),
            "payload": payload,
            "raw": base64.b64encode(unreadable).decode(),
            "suggestions": [],
        }
        suggestions = evidence.get("suggestions")
        if isinstance(suggestions, list):
            body["suggestions"] = orjson.loads(orjson.dumps(suggestions, default=str))
        return orjson.dumps(body)

    def _dead_letter(self, inbound: Inbound, reason: str, detail: str, now_ms: int) -> Record:
        message, lineage = inbound.message, inbound.lineage
        now = self._times.text(now_ms).decode()
        first = self._times.text(inbound.first_failed_ms).decode() if inbound.first_failed_ms else now
        envelope = Envelope(
            case_id=lineage.case_id,
            epoch=lineage.epoch,
            version=lineage.version + 1,
            agent=self._agent.name,
            reason=reason,
            detail=cut_text(detail, DETAIL_MAX_CHARS).decode(),
            attempts=len(inbound.tries) + 1,
            first_failure=first,
            last_failure=now,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp_ms=message.timestamp_ms,
            group=self._topics.group(self._agent.name),
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


@lru_cache(maxsize=512)
def _kind_headers(contract: type[Contract]) -> Headers:
    """The three headers that name a contract: type, dataschema, content type (in this order)."""
    identity = contract.__contract__
    return [
        ("ce_type", identity.name.encode()),
        ("ce_dataschema", identity.urn.encode()),
        ("content-type", content_type(identity).encode()),
    ]
