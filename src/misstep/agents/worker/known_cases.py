"""A case published twice with the same id runs once: the ids of the last cases of each partition are remembered.

The window is stated in records, not in time: an id that stands among the `WINDOW_CASES` records before it in its
partition is a repetition. On assignment the tail is read back from the topic, so a restart forgets nothing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

from confluent_kafka import Consumer, KafkaError, TopicPartition

from misstep.agents.subscription import Identity, by_key
from misstep.bus.config import reader_config
from misstep.bus.message import headers_of
from misstep.bus.reading import find_leaders, next_batch

WINDOW_CASES = 10_000
READ_BACK_MAX_S = 10.0


class KnownCases:
    """The last ids of one partition of the `cases` topic."""

    def __init__(self, window_cases: int = WINDOW_CASES) -> None:
        self._order: deque[bytes] = deque()
        self._count: Counter[bytes] = Counter()
        self._window = window_cases

    def seen(self, key: bytes | None) -> bool:
        """Is this id a repetition? Takes note of it either way; a record without an id never is one."""
        if not key:
            return False
        known = key in self._count
        self._order.append(key)
        self._count[key] += 1
        if len(self._order) > self._window:
            oldest = self._order.popleft()
            if self._count[oldest] == 1:
                del self._count[oldest]
            else:
                self._count[oldest] -= 1
        return known


def read_back(
    bootstrap: str,
    client_id: str,
    topic: str,
    bases: dict[int, tuple[int, int]],
    identity: Identity = by_key,
) -> dict[int, KnownCases]:
    """The known cases of each partition just before its base. `bases`: partition -> (first offset there is, base)."""
    known = {partition: KnownCases() for partition in bases}
    starts = {partition: max(first, base - WINDOW_CASES) for partition, (first, base) in bases.items() if base > first}
    if not starts:
        return known
    more = {"max.partition.fetch.bytes": 4_194_304, "fetch.wait.max.ms": 10}
    consumer = Consumer(reader_config(bootstrap, f"{client_id}.tail", **more))
    try:
        find_leaders(consumer, [topic])
        consumer.assign([TopicPartition(topic, partition, start) for partition, start in starts.items()])
        left = set(starts)
        until = time.monotonic() + READ_BACK_MAX_S
        while left and time.monotonic() < until:
            for message in next_batch(consumer, 1_000, 0.2):
                partition, error = message.partition(), message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        left.discard(partition)
                    continue
                if partition is None or partition not in left:
                    continue
                if message.offset() >= bases[partition][1]:  # type: ignore[operator]
                    left.discard(partition)
                    continue
                known[partition].seen(identity(message.key(), headers_of(message)))
                if message.offset() == bases[partition][1] - 1:
                    left.discard(partition)
        return known
    finally:
        # Closing waits for a group coordinator that this consumer never needed; while a broker restarts, for long.
        threading.Thread(target=consumer.close, name="close tail reader", daemon=True).start()
