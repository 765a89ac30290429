"""Topics, cases and an independent reader: what a run of the scale benches stands on."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

import chain
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from misstep.bus.config import publisher_config
from misstep.bus.provision import apply_topics, connect, shared_topics, workflow_topics
from misstep.bus.topics import Topics

IDLE_LIMIT_S = 60.0


def prepare(bootstrap: str, partitions: int, row: int) -> Topics:
    """A fresh namespace with the topics of a row of agents."""
    topics = Topics(f"scale-{uuid.uuid4().hex[:8]}", chain.WORKFLOW)
    admin = connect(bootstrap)
    wanted = shared_topics(topics.namespace) + workflow_topics(topics, list(chain.plan(row).agents), [], partitions)
    apply_topics(admin, wanted, 1)
    return topics


def tidy(bootstrap: str, topics: Topics) -> None:
    """Delete the topics of a run: the next one shall not share the broker with them."""
    admin = connect(bootstrap)
    mine = [name for name in admin.list_topics(timeout=15).topics if name.startswith(f"{topics.namespace}.")]
    for future in admin.delete_topics(mine, operation_timeout=15).values():
        future.exception()


def publish(bootstrap: str, topics: Topics, values: Iterator[bytes], cases: int, first: int = 0) -> int:
    """Write cases as fast as it goes; returns the bytes of their payloads."""
    producer = Producer(publisher_config(bootstrap, **{"linger.ms": 20, "queue.buffering.max.messages": 200_000}))
    written = 0
    for number in range(first, first + cases):
        value = next(values)
        written += len(value)
        while True:
            try:
                producer.produce(topics.cases, value, f"case-{number:07}".encode())
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(120)
    return written


class Counter:
    """Counts, in a thread of its own, what a read_committed reader sees in a topic, and when."""

    def __init__(self, bootstrap: str, topic: str, fetch_wait_ms: int = 20) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"bench-{uuid.uuid4().hex}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": fetch_wait_ms,
                "fetch.queue.backoff.ms": 2,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in self._partitions(topic)])
        self._stop = threading.Event()
        self.on_keys: Callable[[Sequence[bytes]], None] | None = None
        """Told of the keys that come, where anybody wants to know."""
        self.seen = 0
        self.steps: list[tuple[float, int]] = []
        """(monotonic seconds, seen so far), one for each batch that came."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _partitions(self, topic: str) -> list[int]:
        """Of a topic that may have been made a moment ago: a broker hears of it a little later."""
        until = time.monotonic() + IDLE_LIMIT_S
        while time.monotonic() < until:
            if found := self._consumer.list_topics(topic, 15).topics[topic].partitions:
                return list(found)
            time.sleep(0.05)
        raise SystemExit(f"the broker knows nothing of topic {topic}")

    def _read(self) -> None:
        while not self._stop.is_set():
            first = self._consumer.poll(0.05)
            if first is None:
                continue
            # consume(n, 0): a time-out would be waited out in steps of 200 ms.
            batch = [one for one in (first, *self._consumer.consume(2_000, 0)) if one.error() is None]
            if batch:
                self.seen += len(batch)
                if self.on_keys is not None:
                    self.on_keys([one.key() or b"" for one in batch])
                self.steps.append((time.monotonic(), self.seen))
        self._consumer.close()

    def wait_for(self, count: int) -> None:
        """Return when so many were seen. SystemExit when nothing comes any more."""
        last, at = self.seen, time.monotonic()
        while self.seen < count:
            time.sleep(0.02)
            if self.seen != last:
                last, at = self.seen, time.monotonic()
            elif time.monotonic() - at > IDLE_LIMIT_S:
                self.close()
                raise SystemExit(f"only {self.seen} of {count} came out, and nothing for {IDLE_LIMIT_S:g} s")

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def rate(self, *, skip: float = 0.2, tail: float = 0.02) -> float:
        """Events a second between the first `skip` and the last `tail` of what was seen: warm-up and end left out."""
        return span_rate(self.steps, skip, tail)


def span_rate(steps: list[tuple[float, int]], skip: float, tail: float) -> float:
    """The rate between two shares of what came."""
    whole = steps[-1][1]
    inner = [(at, seen) for at, seen in steps if whole * skip <= seen <= whole * (1 - tail)]
    if len(inner) < 2 or inner[-1][0] <= inner[0][0]:
        inner = [steps[0], steps[-1]]
    (began, first), (ended, last) = inner[0], inner[-1]
    return (last - first) / (ended - began) if ended > began else 0.0
