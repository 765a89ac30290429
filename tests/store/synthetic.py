"""Events as a choreography would write them, without one: topics of a workflow and chains of state versions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from misstep.bus.topics import Topics
from misstep.contracts.event import (
    CASES,
    OUTCOMES,
    Headers,
    Timestamps,
    chain_hash,
    event_id,
    extend_history,
    hash_of_bare_case,
    next_traceparent,
    tries_json,
)
from misstep.contracts.letter import Envelope

AGENTS = ("extract", "extract_fallback", "post_entry")
PARTITIONS = 2
SCHEMA = "0" * 64


@dataclass(slots=True)
class Case:
    """One case's chain so far: what the next event needs to know."""

    case_id: str
    partition: int
    epoch: int = 0
    version: int = 0
    hash: bytes = b""
    history: bytes = b"[]"
    last: tuple[str, str] | None = None
    traceparent: bytes | None = None
    at_ms: int = 0
    written: int = 0


@dataclass
class Workflow:
    """A workflow's topics on the real broker, and a producer for them."""

    bootstrap: str
    topics: Topics
    agents: Sequence[str] = AGENTS
    partitions: int = PARTITIONS
    written: int = 0
    refused: list[str] = field(default_factory=list)
    _producer: Producer = field(init=False)
    _admin: AdminClient = field(init=False)
    _times: Timestamps = field(init=False, default_factory=Timestamps)

    def __post_init__(self) -> None:
        self._producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 500_000}
        )
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self.create_topics(self.topics.all(list(self.agents)))

    def create_topics(self, names: Sequence[str]) -> None:
        for future in self._admin.create_topics([NewTopic(name, self.partitions, 1) for name in names]).values():
            future.result()

    def delete_topics(self, names: Sequence[str]) -> None:
        for future in self._admin.delete_topics(list(names)).values():
            future.result()

    def has_topic(self, name: str) -> bool:
        return name in self._admin.list_topics(timeout=5).topics

    def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
        *,
        partition: int = 0,
        at_ms: int = 0,
    ) -> None:
        """Any message at all."""

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self.refused.append(f"{topic}: {error.str()}")

        options: dict[str, Any] = {"timestamp": at_ms} if at_ms else {}
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, headers=headers or [], on_delivery=delivered, **options
                )
                break
            except BufferError:
                self._producer.poll(0.05)
        self.written += 1

    def begin(self, case_id: str, value: bytes = b'{"total":"12.50"}', at_ms: int | None = None) -> Case:
        """Publish a bare case: key and JSON, no headers."""
        case = Case(case_id, sum(case_id.encode()) % self.partitions)
        case.at_ms = at_ms or int(time.time() * 1000)
        case.hash = hash_of_bare_case(self.topics.workflow, case_id, value)
        case.last = (CASES, "ok")
        case.written = 1
        self.put(self.topics.cases, case_id.encode(), value, partition=case.partition, at_ms=case.at_ms)
        return case

    def turn(
        self,
        case: Case,
        agent: str,
        reason: str = "ok",
        *,
        route: str = "next",
        value: bytes = b'{"total":"12.50","confidence":0.9}',
        detail: str = "",
        evidence: dict[str, object] | None = None,
        tries: Sequence[tuple[str, int]] = (),
        degraded: str = "",
        latency_ms: int = 12,
        topic: str | None = None,
        took_ms: int = 20,
        build: str = "b1",
        contract: str = "invoice.extracted",
    ) -> Headers:
        """Publish the next state version of a case and return its headers."""
        if case.last:
            case.history = extend_history(case.history, case.last[0], case.version, case.partition, -1, case.last[1])
        case.version += 1
        case.at_ms += took_ms
        identity = event_id(case.case_id, case.epoch, case.version, agent)
        schema = f"urn:misstep:{contract}:1.0:{SCHEMA}".encode()
        shown = orjson.dumps(evidence or {})
        justification = b"as read" if reason == "ok" else b""
        hashed = chain_hash(
            case.hash,
            self.topics.workflow.encode(),
            identity,
            schema,
            reason.encode(),
            route.encode(),
            shown,
            justification,
            value,
        )
        case.traceparent = next_traceparent(case.traceparent, case.case_id, case.epoch, hashed)
        headers: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", identity),
            ("ce_source", f"/misstep/{self.topics.workflow}/{agent}".encode()),
            ("ce_type", contract.encode()),
            ("ce_subject", case.case_id.encode()),
            ("ce_time", self._times.text(case.at_ms)),
            ("ce_dataschema", schema),
            ("content-type", b"application/json"),
            ("ce_workflow", self.topics.workflow.encode()),
            ("ce_agent", agent.encode()),
            ("ce_epoch", b"%d" % case.epoch),
            ("ce_stateversion", b"%d" % case.version),
            ("ce_failurereason", reason.encode()),
            ("ce_route", route.encode()),
            ("ce_score", b"5c0e"),
            ("ce_build", build.encode()),
            ("ce_tries", tries_json(tries)),
            ("ce_failuredetail", detail.encode()),
            ("ce_evidence", shown),
            ("ce_justification", justification),
            ("ce_attempts", b"%d" % (len(tries) + 1)),
            ("ce_latencyms", b"%d" % latency_ms),
            ("ce_tokens", b"17"),
            ("ce_authority", b"act"),
            ("ce_history", case.history),
            ("ce_prevhash", case.hash),
            ("ce_hash", hashed),
            ("traceparent", case.traceparent),
        ]
        if degraded:
            headers.append(("ce_degraded", degraded.encode()))
        to = topic or (self.topics.agent(agent) if reason == "ok" else self.topics.failed(agent))
        self.put(to, case.case_id.encode(), value, headers, partition=case.partition)
        case.hash = hashed
        case.last = (agent, reason)
        case.written += 1
        return headers

    def end(
        self, case: Case, outcome: str = "completed", *, reason: str = "ok", agent: str = "", detail: str = ""
    ) -> None:
        """Publish the case's outcome."""
        payload = {"outcome": outcome, "failure_reason": reason, "agent": agent or None, "detail": detail or None}
        self.turn(
            case,
            OUTCOMES,
            "ok",
            route="end",
            value=orjson.dumps(payload),
            topic=self.topics.outcomes,
            contract="misstep.outcome",
        )

    def bury(self, case: Case, agent: str, reason: str, detail: str, value: bytes, headers: Headers) -> None:
        """Publish a dead letter."""
        at = self._times.text(case.at_ms).decode()
        envelope = Envelope(
            case.case_id, case.epoch, case.version, agent, reason, detail, 3, at, at,
            self.topics.agent(agent), case.partition, 7, case.at_ms, self.topics.group(agent),
        )  # fmt: skip
        self.put(
            self.topics.dlq, case.case_id.encode(), value, [*headers, *envelope.headers()], partition=case.partition
        )

    def flush(self) -> None:
        left = self._producer.flush(60)
        assert left == 0, f"{left} messages were not written to Kafka"
        assert not self.refused, f"Kafka refused {self.refused[0]}"
