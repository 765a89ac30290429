"""Reading no faster than turns end: partitions are paused while too much of them is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from confluent_kafka import Consumer, TopicPartition

from misstep.agents.worker.case_queues import CaseQueues
from misstep.bus.progress import UNFINISHED_MAX_MESSAGES, WINDOW_MAX_MESSAGES
from misstep.bus.takeover import Place
from misstep.bus.window import Window

log = structlog.get_logger(__name__)

BATCH_MAX_MESSAGES: Final = 500
"""A reader takes so many at once; a pause is felt after as many more."""
OPEN_MAX_BYTES: Final = 67_108_864
"""Of the messages whose turns are under way at once, in an agent whose turns overlap."""
SPAN_MAX: Final = WINDOW_MAX_MESSAGES - 2 * BATCH_MAX_MESSAGES
OPEN_MAX: Final = UNFINISHED_MAX_MESSAGES - BATCH_MAX_MESSAGES // 2


class Backpressure:
    """Of one reader. (Polling thread.)"""

    def __init__(self, name: str, consumer: Consumer, windows: Mapping[Place, Window], queues: CaseQueues) -> None:
        self._name = name
        self._consumer = consumer
        self._windows = windows
        self._queues = queues

    def pause_full(self) -> None:
        """Pause partitions whose window is full."""
        full = [place for place, window in self._windows.items() if not window.paused and self._is_full(window)]
        if full:
            self._consumer.pause([TopicPartition(*place) for place in full])
            for place in full:
                self._windows[place].paused = True
            log.debug("window full, paused", agent=self._name, partitions=len(full))

    def resume_empty(self) -> None:
        """Resume partitions whose window is half empty again."""
        ready = [place for place, window in self._windows.items() if window.paused and self._is_half_empty(window)]
        if ready:
            self._consumer.resume([TopicPartition(*place) for place in ready])
            for place in ready:
                self._windows[place].paused = False

    def _is_full(self, window: Window) -> bool:
        return window.span > SPAN_MAX or len(window.open) > OPEN_MAX or self._queues.open_bytes > OPEN_MAX_BYTES

    def _is_half_empty(self, window: Window) -> bool:
        return (
            window.span < SPAN_MAX // 2
            and len(window.open) < OPEN_MAX // 2
            and self._queues.open_bytes < OPEN_MAX_BYTES // 2
        )
