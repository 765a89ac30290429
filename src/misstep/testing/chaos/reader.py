"""An independent read_committed reader that records everything as it appears."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from misstep.bus.message import headers_of
from misstep.testing.chaos.recording import Event, Place

TIMEOUT_S = 30.0


def observer(client: Mapping[str, object], name: str, **more: object) -> Consumer:
    """A read_committed consumer without membership."""
    return Consumer(
        {
            "group.id": name,
            "client.id": name,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 100,
            "fetch.message.max.bytes": 4_194_304,
            "topic.metadata.refresh.interval.ms": 5_000,
            "log_level": 0,
            **client,
            **more,
        }
    )


def places_of(consumer: Consumer, topics: Iterable[str]) -> list[tuple[str, int]]:
    """Topic and number of each partition."""
    metadata = consumer.list_topics(timeout=TIMEOUT_S).topics
    return [(topic, partition) for topic in topics for partition in metadata[topic].partitions]


def as_event(message: Message) -> Event:
    """A message as it is recorded."""
    headers = {name: value for name, value in headers_of(message) if value is not None}
    place = Place(message.topic() or "", message.partition() or 0, message.offset() or 0)
    return Event(place, message.key(), message.value(), headers, time.monotonic())


class LiveReader:
    """Reads topics from their beginning, in a thread, until it is closed. `on_event` is called for each event there."""

    def __init__(
        self, client: Mapping[str, object], topics: Sequence[str], on_event: Callable[[Event], None] = lambda one: None
    ) -> None:
        self._consumer = observer(client, "chaos-reader")
        self._on_event = on_event
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self.following: dict[tuple[str, int], int] = {}
        """The offset behind the last event of each partition."""
        self.complaints: dict[str, int] = {}
        """What Kafka said beside events, counted."""
        self._stop = threading.Event()
        places = places_of(self._consumer, topics)
        self._consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
        self._thread = threading.Thread(target=self._run, name="chaos reader", daemon=True)
        self._thread.start()

    def take(self) -> list[Event]:
        """What was read since the last call."""
        with self._lock:
            taken, self._events = self._events, []
        return taken

    def position(self) -> dict[tuple[str, int], int]:
        """Where it stands: the offset behind all that it has read or passed over, by partition."""
        return {(one.topic, one.partition): one.offset for one in self._consumer.position(self._consumer.assignment())}

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(1_000, 0.2):
                error = message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        self.complaints[error.str()] = self.complaints.get(error.str(), 0) + 1
                    continue
                event = as_event(message)
                self.following[event.place.topic, event.place.partition] = event.place.offset + 1
                with self._lock:
                    self._events.append(event)
                self._on_event(event)


def read_final(
    client: Mapping[str, object], starts: Mapping[tuple[str, int], int], timeout_s: float = 120.0
) -> tuple[list[Event], dict[tuple[str, int], int]]:
    """The log from `starts` (0 where nothing is said) to its present end, by a reader of its own, and where it ended.

    Raises TimeoutError when some partition's end is not come to: something hides it.
    """
    consumer = observer(client, "chaos-final-reader")
    try:
        consumer.assign([TopicPartition(*place, offset) for place, offset in starts.items()])
        left = set(starts)
        events: list[Event] = []
        until = time.monotonic() + timeout_s
        while left:
            if time.monotonic() > until:
                raise TimeoutError(f"the end of {sorted(left)[:3]} and {max(0, len(left) - 3)} more is not to be read")
            for message in consumer.consume(2_000, 0.5):
                error = message.error()
                if error is None:
                    events.append(as_event(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic() or "", message.partition() or 0))
        ends = {(one.topic, one.partition): one.offset for one in consumer.position(consumer.assignment())}
        return events, {place: max(offset, starts[place]) for place, offset in ends.items()}
    finally:
        consumer.close()
