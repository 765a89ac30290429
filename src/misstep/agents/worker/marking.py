"""Saying which suspected turns are running, before they begin: what `bus/suspicion.py` narrows suspicion down by."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from misstep.agents.worker.work import Work
from misstep.bus.lasting import lasts
from misstep.bus.takeover import Place
from misstep.bus.window import Window

log = structlog.get_logger(__name__)


class Marking:
    """Of one reader. (Polling thread.)"""

    def __init__(
        self, name: str, consumer: Consumer, windows: Mapping[Place, Window], commit_lock: threading.Lock
    ) -> None:
        """commit_lock: whoever holds it meets no open transaction."""
        self._name = name
        self._consumer = consumer
        self._windows = windows
        self._commit_lock = commit_lock

    def note(self, running: Sequence[Work], *, alone: bool) -> list[Window]:
        """Let the next commit say which suspected turns are running; returns the windows for which that is news."""
        news = []
        for window in self._windows.values():
            if window.suspected and not window.revoked:
                positions = frozenset(work.position for work in running if work.window is window)
                if positions != window.marked:
                    window.mark(positions, alone=alone and bool(positions))
                    news.append(window)
        return news

    def commit(self, running: Sequence[Work], *, alone: bool, before: Sequence[Work], before_alone: bool) -> bool:
        """Commit which suspected turns are running; False when that was not possible now, and what was said before
        stands. Raises KafkaException for what time does not mend."""
        with self._commit_lock:  # a plain commit beats an open transaction: there must be none
            said = [(window, window.marking()) for window in self.note(running, alone=alone)]
            if not said:
                return True
            offsets = [TopicPartition(window.topic, window.partition, *marking) for window, marking in said]
            try:
                answers = self._consumer.commit(offsets=offsets, asynchronous=False)
                refused = next((at.error for at in answers or () if at.error is not None), None)
            except KafkaException as failure:
                refused = failure.args[0]
            if refused is None:
                for window, marking in said:
                    window.confirm_marking(marking)
                return True
            self.note(before, alone=before_alone)
        if lasts(refused):
            raise KafkaException(refused)
        log.info("could not say yet which turns begin", agent=self._name, error=refused.str())
        return False
