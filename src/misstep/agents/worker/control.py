"""The control topic as a worker knows it: read to its end before any work is taken, followed ever after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from misstep.bus.config import reader_config
from misstep.bus.lasting import lasts
from misstep.bus.topics import control_topic
from misstep.contracts.control import (
    CaseKey,
    Mark,
    Pause,
    StandIn,
    agent_of_pause,
    case_of,
    read_mark,
    read_pause,
    read_stand_in,
)

V = TypeVar("V")

log = structlog.get_logger(__name__)

SAY_SO_AFTER_S = 5.0
LOOK_AGAIN_S = 2.0
"""A namespace whose control topic does not exist yet is looked at again after this."""


class Control:
    """Marks of cases and pauses of agents, as of a moment ago."""

    def __init__(self, bootstrap: str, namespace: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._topic = control_topic(namespace)
        self._client_id = f"{client_id}.control"
        self.marks: dict[CaseKey, Mark] = {}
        self.stand_ins: dict[CaseKey, StandIn] = {}
        self.pauses: dict[tuple[str, str], Pause] = {}
        self.known = threading.Event()
        """Set once the topic has been read to the end that it had at the start."""
        self.on_pauses: Callable[[], None] = lambda: None
        """Called, in the reading thread, whenever a pause came or went."""

    def run(self, stopping: Callable[[], bool]) -> None:
        """Follow the topic. Raises what time does not mend."""
        consumer = Consumer(reader_config(self._bootstrap, self._client_id, **{"fetch.wait.max.ms": 50}))
        try:
            if not self._find(consumer, stopping):
                return
            while not stopping():
                for message in consumer.consume(1_000, 0.1):
                    error = message.error()
                    if error is None:
                        self._note(message.key(), message.value())
                    elif error.code() == KafkaError._PARTITION_EOF:
                        self.known.set()
                    elif lasts(error):
                        raise KafkaException(error)
        finally:
            self.known.set()  # whoever waits for it is about to stop too
            # Closing waits for a group coordinator that this consumer never needed; while a broker restarts, for long.
            threading.Thread(target=consumer.close, name="close control reader", daemon=True).start()

    def _find(self, consumer: Consumer, stopping: Callable[[], bool]) -> bool:
        """Take the topic up; False when told to stop before it was there."""
        began, spoke = time.monotonic(), False
        while not stopping():
            try:
                found = consumer.list_topics(self._topic, 5).topics[self._topic]
                if found.error is None:
                    consumer.assign([TopicPartition(self._topic, at, OFFSET_BEGINNING) for at in found.partitions])
                    return True
                if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    self.known.set()  # nobody has ever written there
                    time.sleep(LOOK_AGAIN_S)
            except KafkaException as error:
                if lasts(error.args[0]):
                    raise
            if not spoke and time.monotonic() - began > SAY_SO_AFTER_S:
                spoke = True
                log.warning("the control topic cannot be read yet", topic=self._topic)
            time.sleep(0.05)
        return False

    def _note(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            return
        if (found := case_of(key)) is not None:
            kind, case = found
            if kind == "mark":
                _put(self.marks, case, read_mark(value) if value else None)
            else:
                _put(self.stand_ins, case, read_stand_in(value) if value else None)
        elif (agent := agent_of_pause(key)) is not None:
            pause = read_pause(value) if value else None
            if pause is None:
                self.pauses.pop(agent, None)
            else:
                self.pauses[agent] = pause
            self.on_pauses()


def _put(rows: dict[CaseKey, V], case: CaseKey, value: V | None) -> None:
    if value is None:
        rows.pop(case, None)
    else:
        rows[case] = value
