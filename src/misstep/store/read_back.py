"""Reading single messages back from Kafka, by topic, partition and offset."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from misstep.bus.connection import connection
from misstep.errors import ServerUnreachable
from misstep.store.kafka_message import KafkaMessage
from misstep.store.sink_offsets import Place

Coordinates = tuple[str, int, int]
"""Topic, partition, offset."""

TIMEOUT_S: Final = 10.0

_GONE: Final = (
    KafkaError._PARTITION_EOF,
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
)


def read_back(
    bootstrap_servers: str, coordinates: Iterable[Coordinates], *, timeout_s: float | None = None
) -> dict[Coordinates, KafkaMessage | None]:
    """The messages at these places; None where Kafka no longer has one (retention, a deleted topic, an aborted write).

    Reads one message of each partition at a time: a case's history rarely has two in one. Raises ServerUnreachable
    when Kafka does not answer within `timeout_s` (10 by default).
    """
    timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
    wanted: defaultdict[Place, list[int]] = defaultdict(list)
    for topic, partition, offset in dict.fromkeys(coordinates):
        wanted[topic, partition].append(offset)
    found: dict[Coordinates, KafkaMessage | None] = {}
    if not wanted:
        return found
    deadline = time.monotonic() + timeout_s
    consumer = Consumer(_settings(bootstrap_servers))
    try:
        # Without this, a topic that does not exist is waited for.
        known = consumer.list_topics(timeout=timeout_s).topics
        for (topic, partition), offsets in list(wanted.items()):
            if topic not in known or partition not in known[topic].partitions:
                found |= {(topic, partition, offset): None for offset in offsets}
                del wanted[topic, partition]
        while wanted:
            now = {place: offsets.pop() for place, offsets in wanted.items()}
            wanted = defaultdict(list, {place: offsets for place, offsets in wanted.items() if offsets})
            found |= _read_one_each(consumer, now, deadline)
    except KafkaException as error:
        raise _unreachable(bootstrap_servers, str(error.args[0])) from error
    except TimeoutError:
        raise _unreachable(bootstrap_servers, f"no answer in {timeout_s:g} s") from None
    finally:
        consumer.close()
    return found


def _read_one_each(
    consumer: Consumer, wanted: dict[Place, int], deadline: float
) -> dict[Coordinates, KafkaMessage | None]:
    consumer.assign([TopicPartition(*place, offset) for place, offset in wanted.items()])
    left = dict(wanted)
    found: dict[Coordinates, KafkaMessage | None] = {}
    while left:
        message = consumer.poll(max(0.0, min(0.5, deadline - time.monotonic())))
        if message is None:
            if time.monotonic() >= deadline:
                raise TimeoutError
            continue
        place = (message.topic() or "", -1 if (at := message.partition()) is None else at)
        error = message.error()
        if place not in left:
            continue
        if error is None:
            offset = left.pop(place)
            found[*place, offset] = cast(KafkaMessage, message) if message.offset() == offset else None
        elif error.code() in _GONE:
            found[*place, left.pop(place)] = None
    return found


def _settings(bootstrap_servers: str) -> dict[str, str | int | bool]:
    return {
        **connection(bootstrap_servers),
        "group.id": "misstep-read-back",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        # librdkafka waits for half of this before its first connection too: 50 ms by default, of 60 in all (measured).
        "reconnect.backoff.ms": 1,
        "fetch.wait.max.ms": 5,
        "max.partition.fetch.bytes": 16_384,
    }


def _unreachable(bootstrap_servers: str, because: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"Kafka at {bootstrap_servers} does not answer ({because}): start it with `misstep up`, or set MISSTEP_KAFKA"
    )
