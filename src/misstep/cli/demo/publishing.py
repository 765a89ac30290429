"""Publishing the demo's messages at a steady pace, each acknowledged before it counts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message, Producer

from misstep.bus.config import publisher_config
from misstep.bus.publish import CasePublisher
from misstep.bus.topics import Topics
from misstep.cli.demo.messages import DemoMessage
from misstep.contracts import Contract
from misstep.contracts.event import case_id_of
from misstep.errors import ServerUnreachable

PER_SECOND = 30
"""Slow enough that a latency is the case's own, not the queue's."""
FLUSH_S = 15.0


@dataclass
class Sent:
    """What Kafka has acknowledged."""

    messages: int = 0
    at: dict[str, float] = field(default_factory=dict)
    """Case id -> when it was first published, seconds since the epoch."""


def publish_steadily(bootstrap: str, topics: Topics, starts: type[Contract], messages: Sequence[DemoMessage]) -> Sent:
    """Publish all of them. Raises ServerUnreachable when Kafka does not take every one."""
    sent = Sent()
    keyed = CasePublisher(bootstrap, topics, starts, log_level=0)
    keyless = Producer(publisher_config(bootstrap, log_level=0))
    failed: list[str] = []
    began = time.monotonic()
    for number, message in enumerate(messages):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        now = time.time()
        if message.key is not None:
            keyed.publish(message.key, message.value)
            sent.at.setdefault(message.key, now)
        else:

            def delivered(error: KafkaError | None, there: Message, at: float = now) -> None:
                if error is not None:
                    failed.append(error.str())
                    return
                sent.at[case_id_of(None, topics.cases, there.partition() or 0, there.offset() or 0)] = at

            keyless.produce(topics.cases, message.value, on_delivery=delivered)
            keyless.poll(0)
        sent.messages += 1
    unsent = keyed.flush(FLUSH_S) + keyless.flush(FLUSH_S)
    failed += [why for _, why in keyed.failed]
    if unsent or failed:
        why = failed[0] if failed else "no acknowledgement"
        raise ServerUnreachable(f"Kafka did not take {unsent + len(failed)} of {len(messages)} messages ({why}).")
    return sent
