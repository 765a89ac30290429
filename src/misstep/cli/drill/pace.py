"""Publishing a drill's cases at a steady rate, as any producer would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import KafkaError, Message, Producer

from misstep.bus.config import publisher_config
from misstep.bus.publish import CasePublisher
from misstep.bus.topics import Topics
from misstep.contracts import Contract
from misstep.errors import ServerUnreachable

FLUSH_S = 30.0
LOOK_S = 0.1


class Pace:
    """Publishes cases of one workflow; `at` says when each was, in seconds since the epoch."""

    def __init__(
        self, bootstrap: str, topics: Topics, starts: type[Contract], meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """meanwhile: called now and then; what it raises ends the publishing."""
        self._publisher = CasePublisher(bootstrap, topics, starts, log_level=0)
        self._raw = Producer(publisher_config(bootstrap, log_level=0))
        self._topic = topics.cases
        self._meanwhile = meanwhile
        self._looked = self._due = time.monotonic()
        self._failed: list[str] = []
        self.at: dict[str, float] = {}

    def publish(self, cases: Iterable[tuple[str, bytes]], per_second: float) -> None:
        """Publish them at this rate, and wait for the last to be acknowledged. Raises ServerUnreachable."""
        for case_id, value in cases:
            self.one(case_id, value, per_second)
        self.acknowledged()

    def one(self, case_id: str, value: bytes, per_second: float, headers: Mapping[str, bytes] | None = None) -> None:
        """Publish one case when it is its turn; `headers` say something else than the publisher would."""
        self._due = max(self._due + 1 / per_second, time.monotonic() - LOOK_S)
        while (early_s := self._due - time.monotonic()) > 0:
            time.sleep(min(early_s, LOOK_S))
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            self._meanwhile()
        self.at[case_id] = time.time()
        if headers is None:
            self._publisher.publish(case_id, value)
            return
        all_headers = [(name, headers.get(name, said)) for name, said in self._publisher.headers(case_id, value)]

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._failed.append(error.str())

        self._raw.produce(self._topic, value, case_id.encode(), headers=all_headers, on_delivery=delivered)  # type: ignore[arg-type]
        self._raw.poll(0)

    def acknowledged(self) -> None:
        """Wait for what is on its way. Raises ServerUnreachable when Kafka did not take it."""
        unsent = self._publisher.flush(FLUSH_S) + self._raw.flush(FLUSH_S)
        failed = [why for _, why in self._publisher.failed] + self._failed
        if unsent or failed:
            why = failed[0] if failed else "no acknowledgement"
            raise ServerUnreachable(f"Kafka did not take {unsent + len(failed)} cases ({why}).")
