"""What a join waits for is read back from its parked topic when a partition is taken over."""

from __future__ import annotations

import threading

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from misstep.agents.join import Gathering
from misstep.bus.config import reader_config
from misstep.bus.message import headers_of


def restore(
    gathering: Gathering, bootstrap: str, client_id: str, topic: str, bases: dict[int, tuple[int, int]]
) -> None:
    """Note every half that stands before a partition's base. `bases`: partition -> (first offset there is, base).

    Waits as long as Kafka takes: a join that forgets a half would wait for it for ever.
    """
    for partition in bases:
        gathering.forget(partition)
    left = {partition for partition, (first, base) in bases.items() if base > first}
    if not left:
        return
    more = {"max.partition.fetch.bytes": 4_194_304, "fetch.wait.max.ms": 10}
    consumer = Consumer(reader_config(bootstrap, f"{client_id}.parked", **more))
    try:
        consumer.list_topics(topic, 10)  # asked for by name, its leader is known at once
        consumer.assign([TopicPartition(topic, partition, bases[partition][0]) for partition in left])
        while left:
            for message in consumer.consume(1_000, 0.2):
                at, offset, error = message.partition(), message.offset(), message.error()
                assert at is not None
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        left.discard(at)
                    elif not error.retriable() and error.code() not in _PASSING:
                        raise KafkaException(error)
                    continue
                if at not in left:
                    continue
                if offset is None or offset >= bases[at][1]:
                    left.discard(at)
                    continue
                gathering.take(at, message.key(), message.value(), headers_of(message), live=False)
    finally:
        # Closing waits for a group coordinator that this consumer never needed; while a broker restarts, for long.
        threading.Thread(target=consumer.close, name="close parked reader", daemon=True).start()


_PASSING = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT})
