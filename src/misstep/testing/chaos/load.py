"""A steady load of cases with known ids; what Kafka acknowledged is remembered."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from misstep.bus.publish import CasePublisher
from misstep.bus.topics import Topics
from misstep.contracts import Contract

Make = Callable[[int, random.Random], Contract]
"""A case from its number."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The cases of one workflow: so many a second, each made from its number."""

    topics: Topics
    starts: type[Contract]
    make: Make
    per_second: float


class Load:
    """Publishes every stream while it is not held. Cases are called `{prefix}-{workflow}-{number}`."""

    def __init__(self, bootstrap: str, streams: list[Stream], seed: int) -> None:
        self._random = random.Random(seed)
        self._streams = [(stream, CasePublisher(bootstrap, stream.topics, stream.starts)) for stream in streams]
        self._lock = threading.Lock()
        self._acknowledged: dict[str, str] = {}
        self.sent: dict[str, tuple[Topics, bytes]] = {}
        """Every case of the present prefix, acknowledged or not: where it went and what it says."""
        self.acknowledged_s: dict[str, float] = {}
        """When, by the monotonic clock, each case of the present prefix was acknowledged."""
        self.prefix = "case"
        self._held = threading.Event()
        self._held.set()
        self._idle = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def begin(self, prefix: str) -> None:
        """Publish from now on, under a new prefix."""
        with self._lock:
            self.prefix, self._acknowledged, self.sent, self.acknowledged_s = prefix, {}, {}, {}
        self._idle.clear()
        self._held.clear()

    def hold(self, timeout_s: float = 60.0) -> dict[str, str]:
        """Publish no more; case id -> workflow of all that was acknowledged since `begin`.

        Raises TimeoutError when Kafka leaves cases unanswered for so long.
        """
        self._held.set()
        self._idle.wait(10)
        left = sum(publisher.flush(timeout_s) for _, publisher in self._streams)
        if left:
            raise TimeoutError(f"{left} cases are neither acknowledged nor refused after {timeout_s:.0f} s")
        return self.acknowledged()

    def acknowledged(self) -> dict[str, str]:
        """Case id -> workflow of what was acknowledged since `begin`."""
        with self._lock:
            return dict(self._acknowledged)

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Cases that Kafka did not take, with the reason: nothing is promised of them."""
        return [one for _, publisher in self._streams for one in publisher.failed]

    def close(self) -> None:
        self._held.set()
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        debts: Mapping[int, list[float]] = {index: [0.0] for index in range(len(self._streams))}
        number = 0
        last = time.monotonic()
        while not self._stop.is_set():
            now = time.monotonic()
            if self._held.is_set():
                self._idle.set()
                for _, publisher in self._streams:
                    publisher.flush(0.0)
                last = now
                time.sleep(0.02)
                continue
            for index, (stream, publisher) in enumerate(self._streams):
                # A machine that was busy for long does not make up for it at once.
                debts[index][0] += min(1.0, now - last) * stream.per_second
                while debts[index][0] >= 1:
                    debts[index][0] -= 1
                    case = f"{self.prefix}-{stream.topics.workflow}-{number}"
                    value = stream.make(number, self._random).model_dump_json().encode()
                    number += 1
                    self.sent[case] = (stream.topics, value)
                    publisher.publish(case, value, self._note(stream.topics.workflow))
                publisher.flush(0.0)
            last = now
            time.sleep(0.02)

    def _note(self, workflow: str) -> Callable[[str], None]:
        acknowledged, moments = self._acknowledged, self.acknowledged_s

        def note(case: str) -> None:
            with self._lock:
                acknowledged[case] = workflow
                moments[case] = time.monotonic()

        return note
