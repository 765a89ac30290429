"""An agent's state versions: its result becomes the records that one transaction produces."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import orjson

from misstep.agents.event_writer import (
    EVENT_MAX_BYTES,
    HEADERS_ROOM_BYTES,
    OUTCOME_OF,
    TOPIC_MAX_BYTES,
    EventWriter,
    kind_headers,
)
from misstep.agents.inbound import Inbound
from misstep.agents.join import Held
from misstep.agents.plan import AgentPlan, Plan
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Escalated, encode
from misstep.contracts.control import CANCEL, Mark
from misstep.contracts.event import (
    COMPENSATE,
    DEAD_LETTER,
    DEGRADE,
    DETAIL_MAX_CHARS,
    END,
    ESCALATE,
    NEXT,
    OK,
    STOP,
    Headers,
    Record,
    cut_evidence,
    cut_text,
)


class Oversized(ValueError):
    """An output too large to be an event."""


class Emitter(EventWriter):
    """Writes one agent's state versions."""

    def __init__(self, plan: Plan, agent: AgentPlan, topics: Topics, build: str) -> None:
        super().__init__(plan, agent.name, topics, build)
        self._agent = agent
        self._ok_topic = topics.agent(agent.name)
        self._failed_topic = topics.failed(agent.name)

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
        kind = kind_headers(type(output))
        final = output.__contract__.name in self._agent.final
        route = DEGRADE if degraded else END if final else NEXT
        headers = self.headers(
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
        of_branch: str = "",
    ) -> list[Record]:
        """The state version of a turn that failed, and whatever its route brings with it: dead letter, outcome.

        of_branch: the agent whose failure a join carries out. On a branch of a fork, an ending is written and held.
        """
        value = inbound.message.value
        kind: Headers
        held = bool(self._agent.held_by)
        if route == ESCALATE and not held:
            value = self._escalation(inbound, reason, detail, evidence)
            kind = kind_headers(Escalated)
        else:
            kind = self._received_kind(inbound)
        evidence = dict(evidence)
        if value is not None and len(value) > TOPIC_MAX_BYTES - HEADERS_ROOM_BYTES:
            evidence["value_left_out"] = f"{len(value):,} bytes; see {inbound.message.topic}"
            value = None
        headers = self.headers(
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
        if held:
            return records
        if route == DEAD_LETTER:
            records.append(self.dead_letter(inbound, reason, detail, now_ms, agent=of_branch))
        ends = route == DEAD_LETTER or (route == ESCALATE and self._plan.escalation in (None, self._agent.name))
        if ends:
            records.append(self.outcome(inbound, record, OUTCOME_OF[route], reason, detail, now_ms, agent=of_branch))
        return records

    def stopped(self, inbound: Inbound, mark: Mark, *, now_ms: int) -> list[Record]:
        """The state version with which a case stops that an operator has marked, instead of a turn.

        Cancelled, its steps are undone; killed, it ends here. On a branch of a fork its join does either.
        """
        held = bool(self._agent.held_by)
        route = STOP if held else COMPENSATE if mark.action == CANCEL else END
        headers = self.headers(
            inbound,
            inbound.message.value,
            kind=self._received_kind(inbound),
            reason=OK,
            route=route,
            now_ms=now_ms,
            latency_ms=0,
            tokens=0,
            justification="",
            evidence={"action": mark.action, "actor": mark.actor, "reason": mark.reason, "at": mark.at},
            handoffs_left=inbound.handoffs_left,
        )
        headers = [(name, b"operator" if name == "ce_authority" else value) for name, value in headers]
        headers.append(("ce_failuredetail", cut_text(mark.sentence, DETAIL_MAX_CHARS)))
        record = Record(
            self._failed_topic,
            inbound.message.partition,
            inbound.lineage.case_id.encode(),
            inbound.message.value,
            headers,
        )
        if route != END:
            return [record]
        ended = self.outcome(inbound, record, "cancelled", OK, mark.sentence, now_ms, step=f"{self.name}.stop")
        return [record, ended]

    def carried_out(self, held: Held, now_ms: int) -> list[Record]:
        """A join's state version when branches failed: the first one's failure, and what its route brings with it."""
        if held.route == STOP:
            return self.stopped(held.inbound, Mark.model_validate(held.evidence), now_ms=now_ms)
        return self.failed(
            held.inbound,
            reason=held.reason,
            route=held.route,
            detail=held.detail,
            evidence=held.evidence,
            now_ms=now_ms,
            latency_ms=0,
            of_branch=held.agent,
        )

    def _received_kind(self, inbound: Inbound) -> Headers:
        """Contract headers of a failed version: what it received is what it carries."""
        given = inbound.headers
        if "ce_type" in given and "ce_dataschema" in given:
            return [
                ("ce_type", given["ce_type"]),
                ("ce_dataschema", given["ce_dataschema"]),
                ("content-type", given.get("content-type", b"application/json")),
            ]
        if inbound.read_as is not None:
            return kind_headers(inbound.read_as)
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
