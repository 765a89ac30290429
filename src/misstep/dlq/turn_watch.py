"""What agents make of cases that were brought back: their next state version, read from Kafka as it is committed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from misstep.bus.config import reader_config
from misstep.bus.connection import connection
from misstep.bus.message import headers_of
from misstep.bus.topics import Topics
from misstep.contracts.event import OK
from misstep.errors import MisstepError, UsageError

TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class NextVersion:
    """What an agent made of a case."""

    reason: str
    detail: str

    @property
    def failed(self) -> bool:
        return self.reason != OK


def ends_of(bootstrap: str, topics: Iterable[str]) -> dict[str, list[int]]:
    """Where each topic ends now: topic -> offset by partition. UsageError for a topic that is not there."""
    admin = AdminClient({**connection(bootstrap), "client.id": "misstep-ends", "log_level": 0})
    names = list(topics)
    there = admin.list_topics(timeout=TIMEOUT_S).topics
    missing = [name for name in names if name not in there]
    if missing:
        raise UsageError(f"Topic {missing[0]} does not exist; run `misstep apply` first.")
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    places = [TopicPartition(name, number) for name in names for number in sorted(there[name].partitions)]
    found = admin.list_offsets(
        dict.fromkeys(places, latest), isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=TIMEOUT_S
    )
    ends: dict[str, list[int]] = {name: [0] * len(there[name].partitions) for name in names}
    for place, future in found.items():
        ends[place.topic][place.partition] = int(future.result().offset)
    return ends


def watched_topics(topics: Topics, agents: Iterable[str]) -> list[str]:
    """Where the next state versions of these agents will stand."""
    return [topic for name in agents for topic in (topics.agent(name), topics.failed(name))]


class TurnWatch:
    """Follows agents' topics from given offsets on, in a thread of its own. Close it.

    `answers`: (case id, epoch, agent) -> the first state version that the agent made of that life.
    """

    def __init__(self, bootstrap: str, starts: Mapping[str, Sequence[int]]) -> None:
        self.answers: dict[tuple[str, int, str], NextVersion] = {}
        self._consumer = Consumer(reader_config(bootstrap, "misstep-redrive", **{"auto.offset.reset": "earliest"}))
        self._consumer.assign(
            [TopicPartition(topic, number, at) for topic, ats in starts.items() for number, at in enumerate(ats)]
        )
        self._failed = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="next versions", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises MisstepError when following has failed."""
        if self._failed:
            raise MisstepError(f"What comes of the letters can no longer be read from Kafka: {self._failed}.")

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(5)
        self._consumer.close()

    def _follow(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, 0.1):
                error = message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF and (error.fatal() or not error.retriable()):
                        self._failed = error.str()
                    continue
                headers = {name: value for name, value in headers_of(message) if value is not None}
                epoch = headers.get("ce_epoch", b"")
                if not epoch.isdigit() or epoch == b"0":
                    continue

                def text(name: str, headers: Mapping[str, bytes] = headers) -> str:
                    return headers.get(name, b"").decode("utf-8", "replace")

                key = (text("ce_subject"), int(epoch), text("ce_agent"))
                self.answers.setdefault(key, NextVersion(text("ce_failurereason"), text("ce_failuredetail")))
