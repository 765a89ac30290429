"""Publishing a drill's cases at a steady rate, as any producer would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

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
        self._publisher = CasePublisher(bootstrap, topics, starts, log_level=0)
        self._meanwhile = meanwhile
        self.at: dict[str, float] = {}

    def publish(self, cases: Iterable[tuple[str, bytes]], per_second: float) -> None:
        """Publish them at this rate, and wait for the last to be acknowledged. Raises ServerUnreachable."""
        began = looked = time.monotonic()
        for number, (case_id, value) in enumerate(cases):
            while (early_s := began + number / per_second - time.monotonic()) > 0:
                time.sleep(min(early_s, LOOK_S))
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                self._meanwhile()
            self.at[case_id] = time.time()
            self._publisher.publish(case_id, value)
        unsent = self._publisher.flush(FLUSH_S)
        if unsent or self._publisher.failed:
            why = self._publisher.failed[0][1] if self._publisher.failed else "no acknowledgement"
            raise ServerUnreachable(f"Kafka did not take {unsent + len(self._publisher.failed)} cases ({why}).")
