"""Reading single events back by topic, partition and offset, without group membership."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from misstep.bus.config import reader_config
from misstep.bus.message import headers_of

TIMEOUT_S = 10.0


class EventReader:
    """One consumer that reads events where a history says they are. Thread-safe; 0.5 ms an event when warm."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._consumer = Consumer(reader_config(bootstrap, f"{client_id}.recall"))
        self._lock = threading.Lock()
        self._known_topics: set[str] = set()

    def __call__(self, topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
        """Value and headers of one event. LookupError when it is no longer (or was never) there."""
        where = f"{topic} [{partition}] @ {offset}"
        if offset < 0:
            raise LookupError(f"the event at {where} was written in the same transaction and has no known offset")
        with self._lock:
            if topic not in self._known_topics:
                # Asked for by name, its leader is known at once; left to `assign`, up to a second later (measured).
                self._consumer.list_topics(topic, TIMEOUT_S)
                self._known_topics.add(topic)
            # A fresh assign each time: seek waits for a fetch in flight, up to a second (measured).
            self._consumer.assign([TopicPartition(topic, partition, offset)])
            until = time.monotonic() + TIMEOUT_S
            while time.monotonic() < until:
                message = self._consumer.poll(0.5)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    if message.offset() != offset:
                        raise LookupError(f"the event at {where} is no longer in Kafka")
                    headers = {name: value for name, value in headers_of(message) if value is not None}
                    return message.value(), headers
                if error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
                    raise LookupError(f"the event at {where} is no longer in Kafka")
                if not error.retriable() and error.code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
                    raise KafkaException(error)
        raise LookupError(f"the event at {where} could not be read within {TIMEOUT_S:.0f} s")

    def close(self) -> None:
        self._consumer.close()
