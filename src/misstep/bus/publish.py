"""Publishing cases: state version 0, with every header that a later version builds on."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from misstep.bus.client_log import client_logger
from misstep.bus.config import publisher_config
from misstep.bus.topics import Topics
from misstep.contracts import Contract
from misstep.contracts.event import (
    CASES,
    Headers,
    Timestamps,
    chain_hash,
    event_id,
    next_traceparent,
)
from misstep.errors import UsageError

CASE_MAX_BYTES = 1_000_000


class CasePublisher:
    """Writes cases of one workflow. `failed` collects (case id, error) of what Kafka did not take."""

    def __init__(self, bootstrap: str, topics: Topics, starts: type[Contract], **config: object) -> None:
        self._producer = Producer(publisher_config(bootstrap, **config), logger=client_logger("publish"))
        self._topics = topics
        identity = starts.__contract__
        self._workflow = topics.workflow.encode()
        self._dataschema = identity.urn.encode()
        self._static: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", f"/{topics.namespace}/{topics.workflow}/{CASES}".encode()),
            ("ce_type", identity.name.encode()),
            ("ce_dataschema", self._dataschema),
            ("content-type", b"application/json"),
            ("ce_workflow", self._workflow),
            ("ce_agent", CASES.encode()),
            ("ce_epoch", b"0"),
            ("ce_stateversion", b"0"),
            ("ce_failurereason", b"ok"),
            ("ce_route", b"next"),
            ("ce_history", b"[]"),
            ("ce_prevhash", b""),
        ]
        self._times = Timestamps()
        self.acknowledged = 0
        self.failed: list[tuple[str, str]] = []

    def headers(self, case_id: str, value: bytes) -> Headers:
        """Every header of state version 0, as of now."""
        ce_id = event_id(case_id, 0, 0, CASES)
        hashed = chain_hash(b"", self._workflow, ce_id, self._dataschema, b"ok", b"next", b"", b"", value)
        return [
            *self._static,
            ("ce_id", ce_id),
            ("ce_subject", case_id.encode()),
            ("ce_time", self._times.text(int(time.time() * 1000))),
            ("ce_hash", hashed),
            ("traceparent", next_traceparent(None, case_id, 0, hashed)),
        ]

    def publish(self, case_id: str, value: bytes, on_acknowledged: Callable[[str], None] | None = None) -> None:
        """Send one case. UsageError when it is larger than a case may be."""
        if len(value) > CASE_MAX_BYTES:
            raise UsageError(
                f"case {case_id} is {len(value):,} bytes; a case may have {CASE_MAX_BYTES:,}: "
                "put the large part elsewhere and publish a reference to it."
            )
        headers = self.headers(case_id, value)

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self.failed.append((case_id, error.str()))
                return
            self.acknowledged += 1
            if on_acknowledged is not None:
                on_acknowledged(case_id)

        while True:
            try:
                self._producer.produce(
                    self._topics.cases,
                    value,
                    case_id.encode(),
                    headers=headers,  # type: ignore[arg-type]
                    on_delivery=delivered,
                )
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                self.failed.append((case_id, error.args[0].str()))
                return
        self._producer.poll(0)

    def flush(self, timeout_s: float = 30.0) -> int:
        """Wait for acknowledgements; returns how many are still missing."""
        return self._producer.flush(timeout_s)
