"""Reading a small compacted topic as a table, up to its end."""

from __future__ import annotations

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from misstep.bus.config import reader_config


class Table:
    """Key -> value of a compacted topic, as of the last `refresh`."""

    def __init__(self, bootstrap: str, topic: str, client_id: str) -> None:
        self._topic = topic
        self._consumer = Consumer(reader_config(bootstrap, f"{client_id}.table", **{"auto.offset.reset": "earliest"}))
        self._places: list[TopicPartition] = []
        self.rows: dict[bytes, bytes] = {}

    def refresh(self, timeout_s: float = 10.0) -> bool:
        """Read to the end; False when the topic is not there. Raises KafkaException when Kafka does not answer."""
        consumer = self._consumer
        if not self._places:
            found = consumer.list_topics(self._topic, timeout_s).topics[self._topic]
            if found.error is not None:
                if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return False
                raise KafkaException(found.error)
            self._places = [TopicPartition(self._topic, partition, OFFSET_BEGINNING) for partition in found.partitions]
        consumer.assign(self._places)
        reached: set[int] = set()
        until = time.monotonic() + timeout_s
        while len(reached) < len(self._places):
            if time.monotonic() > until:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{self._topic} could not be read to its end"))
            message = consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._put(message.key(), message.value())
                for place in self._places:
                    if place.partition == message.partition():
                        place.offset = (message.offset() or 0) + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                reached.add(message.partition() or 0)
            elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                raise KafkaException(error)
        consumer.unassign()
        return True

    def _put(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            return
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value

    def close(self) -> None:
        self._consumer.close()
