"""What this worker has read lately, kept in memory: unwinding usually wants what was said a moment ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from misstep.agents.earlier import Recall
from misstep.agents.inbound import Delivered, header_map
from misstep.agents.worker.committer import Finished
from misstep.contracts.event import now_ms

EVENTS: Final = 5_000
BYTES: Final = 32 * 1024 * 1024
Place = tuple[str, int, int]
Said = tuple[bytes | None, Mapping[str, bytes]]


class Recent:
    """The last events delivered to a worker's agents, by where they stand in Kafka; the oldest go first."""

    def __init__(self, recall: Recall) -> None:
        """recall: reads from Kafka what is not here."""
        self._recall = recall
        self._events: dict[Place, Delivered] = {}
        self._order: deque[tuple[Place, int]] = deque()
        self._bytes = 0

    def remember(self, message: Delivered) -> None:
        """Keep an event. (Any reader's thread: each step is atomic, and the bounds need not be exact.)"""
        place = (message.topic, message.partition, message.offset)
        size = len(message.value or b"")
        self._events[place] = message
        self._order.append((place, size))
        self._bytes += size
        while len(self._order) > EVENTS or self._bytes > BYTES:
            try:
                oldest, gone = self._order.popleft()
            except IndexError:
                return
            self._bytes -= gone
            self._events.pop(oldest, None)

    def remember_carried(self, batch: Iterable[Finished]) -> None:
        """Keep what was carried on from in a transaction that is about to be committed: nobody is handed it from Kafka,
        and the coordinator may want it a moment later. (Where it stands nothing else will, if it is aborted.)"""
        now = now_ms()
        for turn in batch:
            if turn.chain is not None:
                for message in turn.chain.committed(now):
                    self.remember(message)

    def known(self, topic: str, partition: int, offset: int) -> Said | None:
        """An event that is here; None when it has to be read."""
        message = self._events.get((topic, partition, offset))
        return None if message is None else (message.value, header_map(message.headers))

    def __call__(self, topic: str, partition: int, offset: int) -> Said:
        """Value and headers of one event, from here or from Kafka. LookupError when it is no longer there."""
        return self.known(topic, partition, offset) or self._recall(topic, partition, offset)
