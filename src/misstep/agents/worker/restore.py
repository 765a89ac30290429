"""What a join waits for is read back from its parked topic when a partition is taken over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from misstep.agents.join import Gathering
from misstep.agents.worker.answered import OPEN_WITHIN_S
from misstep.bus.config import reader_config
from misstep.bus.message import headers_of
from misstep.bus.reading import find_leaders, next_batch
from misstep.bus.takeover import Place
from misstep.contracts.event import case_id_of

log = structlog.get_logger(__name__)


def restore(
    gathering: Gathering,
    bootstrap: str,
    client_id: str,
    spans: Mapping[Place, tuple[int, int, int]],
    stopping: Callable[[], bool],
) -> dict[Place, Mapping[int, bytes]]:
    """Note every half that stands before a partition's base. spans: place -> (first offset there is, base, end).

    Returns which halves from the base on have been put together already, though the base does not say so: offset ->
    their key. They are removed further on, and that is in the transaction of the turn that had them.

    Waits as long as Kafka takes: a join that forgets a half would wait for it for ever.
    """
    for _, partition in spans:
        gathering.forget(partition)
    left = {place for place, (first, _, end) in spans.items() if end > first}
    reached: set[Place] = set()
    """Read as far as can be read now, and that is past the base."""
    since: float | None = None
    found: dict[Place, dict[int, bytes]] = {}
    waiting: dict[tuple[Place, bytes], int] = {}
    if not left:
        return {}
    more = {"max.partition.fetch.bytes": 4_194_304, "fetch.wait.max.ms": 10}
    consumer = Consumer(reader_config(bootstrap, f"{client_id}.parked", **more))

    def take(place: Place, offset: int, message: Message) -> None:
        key, value = message.key(), message.value()
        if offset < spans[place][1]:
            gathering.take(place[1], key, value, headers_of(message), live=False)
        elif value is not None:
            waiting[place, key or b""] = offset
        elif (removed := waiting.pop((place, key or b""), None)) is not None:
            found.setdefault(place, {})[removed] = case_id_of(key, *place, removed).encode()

    try:
        find_leaders(consumer, {topic for topic, _ in left})
        consumer.assign([TopicPartition(*place, spans[place][0]) for place in left])
        while left and not stopping():
            since = (since or time.monotonic()) if reached >= left else None
            if since is not None and time.monotonic() - since > OPEN_WITHIN_S:
                log.warning("what is parked cannot be read whole: a transaction stands open", topics=sorted(left))
                break
            for message in next_batch(consumer, 1_000, 0.2):
                place, offset, error = (message.topic(), message.partition()), message.offset(), message.error()
                if offset is None or place not in left:
                    continue
                _, base, end = spans[place]
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        if offset >= base:
                            reached.add(place)
                        if offset >= end:
                            left.discard(place)
                    elif not error.retriable() and error.code() not in _PASSING:
                        raise KafkaException(error)
                    continue
                if offset < end:
                    take(place, offset, message)
                if offset >= end - 1:
                    left.discard(place)
    finally:
        # Closing waits for a group coordinator that this consumer never needed; while a broker restarts, for long.
        threading.Thread(target=consumer.close, name="close parked reader", daemon=True).start()
    return dict(found)


_PASSING = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT})
