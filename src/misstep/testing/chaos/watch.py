"""The oracle while the run goes on: what is promised of every moment is looked at as the events appear."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable

from misstep.contracts.event import hash_of
from misstep.testing.chaos.oracle import described
from misstep.testing.chaos.recording import Event, Place, Workflow
from misstep.testing.chaos.violation import Violation


class Watch:
    """Given each event as a reader has it; remembers when cases ended."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        workflows = list(workflows)
        self._states = {topic for workflow in workflows for topic in workflow.state_topics()}
        self._outcomes = {workflow.topics.outcomes for workflow in workflows}
        self._seen: dict[tuple[str, tuple[str, int, int, str]], Event] = {}
        self._lock = threading.Lock()
        self.foreign: set[Place] = set()
        self.ended: dict[str, float] = {}
        """Case id -> when its outcome was seen, by the monotonic clock."""
        self.ends: list[float] = []
        """When outcomes were seen, in order."""
        self.violations: list[Violation] = []
        self.latest: Event | None = None
        """The newest event with a hash."""

    def clear(self) -> None:
        """Begin anew, when nothing is under way."""
        with self._lock:
            self._seen, self.ended, self.ends, self.violations = {}, {}, [], []

    def __call__(self, event: Event) -> None:
        if event.place.topic not in self._states or "ce_hash" not in event.headers or event.place in self.foreign:
            return
        with self._lock:
            self.latest = event
            before = self._seen.setdefault((event.text("ce_workflow"), event.identity), event)
            if before.place != event.place:
                agent = event.text("ce_agent")
                rule = "two endings" if event.place.topic in self._outcomes else "twice"
                text = f"version {event.text('ce_stateversion')} by {agent} appeared a second time"
                self.violations.append(Violation(rule, event.case_id, text, described([before, event])))
            if hash_of(event.headers, event.value) != event.headers["ce_hash"]:
                text = "an event appeared whose hash is not what it says"
                self.violations.append(Violation("forged", event.case_id, text, described([event])))
            if event.place.topic in self._outcomes:
                self.ended.setdefault(event.case_id, time.monotonic())
                self.ends.append(time.monotonic())

    def not_ended(self, cases: Iterable[str]) -> list[str]:
        """Those of the cases that have no outcome yet."""
        with self._lock:
            return [case for case in cases if case not in self.ended]

    def silence(self, begin_s: float, end_s: float) -> float:
        """The longest time without an outcome between two moments of the monotonic clock, in seconds."""
        with self._lock:
            within = [moment for moment in self.ends if begin_s <= moment <= end_s]
        marks = [begin_s, *within, end_s]
        return max(after - before for before, after in itertools.pairwise(marks))

    def first_after(self, moment_s: float) -> float | None:
        """Seconds from a moment to the next outcome; None when there was none."""
        with self._lock:
            return next((one - moment_s for one in self.ends if one >= moment_s), None)
