"""Following how cases end: `{ns}.{workflow}.outcomes`, committed events only."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from misstep.bus.config import reader_config
from misstep.bus.lasting import lasts
from misstep.bus.topics import Topics
from misstep.contracts.event import case_id_of
from misstep.errors import MisstepError, UsageError

METADATA_S = 5.0
LEADER_S = 30.0
"""How long a topic that was made a moment ago may be without a leader, on a broker that is busy."""
AGAIN_S = 0.05
EARLIER_MAX = 500_000
"""How many outcomes of a partition are looked through for cases that ended before."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A case's outcome, and when it could first be read (seconds since the epoch)."""

    case_id: str
    epoch: int
    outcome: str
    failure_reason: str
    agent: str
    detail: str
    seen_at: float


class OutcomeWatch:
    """Reads outcomes from the moment it is made on, in a thread of its own. Close it.

    `ended` grows: the outcomes in the order in which they could be read, those of other people's cases included.
    Raises UsageError when the topic is not there.
    """

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self._bootstrap = bootstrap
        self._topic = topics.outcomes
        self._consumer = Consumer(reader_config(bootstrap, "misstep-outcomes", log_level=0))
        found = self._consumer.list_topics(self._topic, METADATA_S).topics[self._topic]
        if found.error is not None:
            self._consumer.close()
            raise UsageError(f"Topic {self._topic} does not exist; run `misstep apply` first.")
        self._from = [TopicPartition(self._topic, one, self._end(one)) for one in found.partitions]
        self._consumer.assign(self._from)
        self.ended: list[Ended] = []
        self._failed: str = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="outcomes", daemon=True)
        self._thread.start()

    def _end(self, partition: int) -> int:
        """Where the next outcome will stand; a topic that was made a moment ago may not have its leader yet."""
        until = time.monotonic() + LEADER_S
        while True:
            try:
                place = TopicPartition(self._topic, partition)
                return self._consumer.get_watermark_offsets(place, METADATA_S, cached=False)[1]
            except KafkaException as error:
                if lasts(error.args[0]) or time.monotonic() > until:
                    raise
            time.sleep(AGAIN_S)
            with suppress(KafkaException):  # or the client goes on asking whoever led it first
                self._consumer.list_topics(self._topic, METADATA_S)

    def check(self) -> None:
        """Raises MisstepError when following has failed."""
        if self._failed:
            raise MisstepError(f"{self._topic} can no longer be read: {self._failed}.")

    def earlier(self, case_ids: Collection[str]) -> list[Ended]:
        """Outcomes of these cases from before the watch was made, the newest of each."""
        consumer = Consumer(reader_config(self._bootstrap, "misstep-earlier", log_level=0))
        try:
            found: dict[str, Ended] = {}
            for place in self._from:
                low, _ = consumer.get_watermark_offsets(place, METADATA_S, cached=False)
                begin = max(low, place.offset - EARLIER_MAX)
                if begin >= place.offset:
                    continue
                consumer.assign([TopicPartition(place.topic, place.partition, begin)])
                while (message := consumer.poll(METADATA_S)) is not None:
                    if message.error() is not None or (message.offset() or 0) >= place.offset:
                        break
                    ended = outcome_of(message)
                    if ended is not None and ended.case_id in case_ids:
                        found[ended.case_id] = ended
            return list(found.values())
        finally:
            consumer.close()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(5)
        self._consumer.close()

    def _follow(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF and (error.fatal() or not error.retriable()):
                    self._failed = error.str()
                continue
            ended = outcome_of(message)
            if ended is not None:
                self.ended.append(ended)


def outcome_of(message: Message) -> Ended | None:
    """The outcome that a message of the topic tells of; None when it cannot be read."""
    headers = dict(message.headers() or [])
    subject = headers.get("ce_subject")
    key = message.key()
    case_id = (
        subject.decode("utf-8", "backslashreplace")
        if isinstance(subject, bytes)
        else case_id_of(
            key if isinstance(key, bytes) else None,
            message.topic() or "",
            message.partition() or 0,
            message.offset() or 0,
        )
    )
    epoch = headers.get("ce_epoch", b"0")
    try:
        said = orjson.loads(message.value() or b"")
        return Ended(
            case_id,
            int(epoch) if isinstance(epoch, bytes | str) else 0,
            str(said["outcome"]),
            str(said["failure_reason"]),
            str(said["agent"]),
            str(said.get("detail", "")),
            time.time(),
        )
    except (ValueError, KeyError, TypeError):
        return None
