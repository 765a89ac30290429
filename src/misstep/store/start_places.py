"""Where to read each partition from: what Postgres says, as far as Kafka still has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from misstep.store.connect import Connection
from misstep.store.sink_metrics import GONE
from misstep.store.sink_offsets import Place, put_places, stored_places

TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


def start_places(
    connection: Connection, consumer: Consumer, admin: AdminClient, group: str, places: Collection[Place]
) -> dict[Place, int]:
    """The offset to read each partition from; Postgres then holds the same number.

    A partition that was never read begins at its oldest message. So does one whose topic was deleted and made again
    (Kafka's id of the topic differs), and one whose log is shorter than what was read (the broker lost its end): there,
    what is recorded already is recognised by its hash. When retention has deleted messages before they were read,
    reading goes on at the oldest one left, and an error says how many are gone. Raises KafkaException or psycopg.Error.
    """
    ids = topic_ids(admin, {topic for topic, _ in places})
    stored = stored_places(connection, group, ids)
    starts: dict[Place, int] = {}
    changed: dict[Place, int] = {}
    for place in places:
        oldest, end = consumer.get_watermark_offsets(TopicPartition(*place), timeout=TIMEOUT_S)
        known = stored.get(place)
        if known is not None and oldest <= known <= end:
            starts[place] = known
            continue
        changed[place] = oldest
        topic, partition = place
        if known is None and oldest > 0:
            _report_gone(topic, partition, oldest, "before the audit was first read")
        elif known is not None and known < oldest:
            _report_gone(topic, partition, oldest - known, "while the audit sink was behind")
        elif known is not None:
            log.error(
                "the topic's log is shorter than what the audit has read; it is read again from its start",
                topic=topic,
                partition=partition,
                read_to=known,
                end=end,
            )
    if changed:
        put_places(connection, group, ids, changed, stored)
        now = stored_places(connection, group, ids)
        starts |= {place: now[place] for place in changed}
    return starts


def topic_ids(admin: AdminClient, topics: Collection[str]) -> Mapping[str, str]:
    """Kafka's id of each topic. Raises KafkaException when one cannot be described."""
    described: dict[str, Any] = admin.describe_topics(TopicCollection(sorted(topics)), request_timeout=TIMEOUT_S)
    return {topic: str(future.result().topic_id) for topic, future in described.items()}


def _report_gone(topic: str, partition: int, count: int, when: str) -> None:
    namespace, _, rest = topic.partition(".")
    GONE.labels(namespace, rest.partition(".")[0]).inc(count)
    log.error(
        f"Kafka deleted messages {when}: give the topic a longer retention",
        topic=topic,
        partition=partition,
        offsets=count,
    )


__all__ = ["KafkaException", "start_places", "topic_ids"]
