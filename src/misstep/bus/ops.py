"""`{ns}.ops`: every operator action, with actor and reason. What is to be exactly once is in the same transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from misstep.bus.config import publisher_config, reader_config
from misstep.bus.connection import connection
from misstep.bus.topics import ops_topic
from misstep.contracts.event import Record
from misstep.errors import AnswerIsNo, ServerUnreachable

TIMEOUT_S = 30.0
"""Longer than a transaction may stay open: an abandoned one hides what stands behind it until then."""
PARTITION = 0
"""`{ns}.ops` has one partition, so that it has one order."""


def ops_record(namespace: str, key: str, action: str, *, actor: str, reason: str, **more: object) -> Record:
    """An operator action. key: the case or the plan that it is about."""
    said = {"action": action, "actor": actor, "reason": reason, "at": datetime.now(UTC).isoformat(), **more}
    return Record(ops_topic(namespace), PARTITION, key.encode(), orjson.dumps(said, default=str), [])


def write_ops(bootstrap: str, records: Iterable[Record]) -> None:
    """Write actions that need no transaction of their own. ServerUnreachable when Kafka does not take them."""
    producer = Producer(publisher_config(bootstrap, **{"client.id": "misstep-ops", "log_level": 0}))
    failed: list[str] = []
    for record in records:
        producer.produce(
            record.topic,
            record.value,
            record.key,
            partition=record.partition,
            on_delivery=lambda error, _: failed.append(error.str()) if error else None,
        )
        producer.poll(0)
    if producer.flush(TIMEOUT_S) or failed:
        raise ServerUnreachable(
            f"The action could not be written to Kafka at {bootstrap}, so nothing was done: "
            f"{failed[0] if failed else 'no answer'}."
        )


def ops_end(bootstrap: str, namespace: str) -> int:
    """The offset at which the next operator action will stand, open transactions counted. Raises KafkaException."""
    return _at(bootstrap, namespace, OffsetSpec.latest())  # type: ignore[no-untyped-call]


def _at(bootstrap: str, namespace: str, spec: OffsetSpec) -> int:
    admin = AdminClient({**connection(bootstrap), "client.id": "misstep-ops-end", "log_level": 0})
    place = TopicPartition(ops_topic(namespace), PARTITION)
    # Uncommitted: a read_committed end stops at the first open transaction, whoever's it is.
    found = admin.list_offsets(
        {place: spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=TIMEOUT_S
    )
    return int(found[place].result().offset)


def read_ops(bootstrap: str, namespace: str, from_offset: int) -> list[Mapping[str, Any]]:
    """The committed actions from an offset on, up to what was written when this is called.

    Waits for transactions that are still open before that end: what they hold may be what is looked for. Raises
    ServerUnreachable when that takes too long, and AnswerIsNo when Kafka has deleted some of them.
    """
    end = ops_end(bootstrap, namespace)
    found: list[Mapping[str, Any]] = []
    if end <= from_offset:
        return found
    if _at(bootstrap, namespace, OffsetSpec.earliest()) > from_offset:  # type: ignore[no-untyped-call]
        raise AnswerIsNo(
            f"{ops_topic(namespace)} no longer has what stood at offset {from_offset}, so it cannot be known what was "
            "sent; `misstep why CASE` tells of each case, `misstep redrive abandon` gives the plan up."
        )
    consumer = Consumer(reader_config(bootstrap, "misstep-ops", **{"auto.offset.reset": "earliest"}))
    until = time.monotonic() + TIMEOUT_S
    try:
        consumer.assign([TopicPartition(ops_topic(namespace), PARTITION, from_offset)])
        while time.monotonic() < until:
            message = consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            offset = message.offset() or 0
            if error is None:
                if offset < end and (said := _said(message.value())) is not None:
                    found.append(said)
                if offset + 1 >= end:
                    return found
            elif error.code() == KafkaError._PARTITION_EOF:
                if offset >= end:
                    return found
            elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                raise KafkaException(error)
    finally:
        consumer.close()
    raise ServerUnreachable(
        f"{ops_topic(namespace)} could not be read to its end within {TIMEOUT_S:g} s; try again in a moment."
    )


def _said(value: bytes | None) -> Mapping[str, Any] | None:
    try:
        said = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None
