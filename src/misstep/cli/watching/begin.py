"""Where a watch begins: one window back, so that its first figures are whole ones."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from misstep.bus.client_log import client_logger
from misstep.bus.connection import connection

log = structlog.get_logger(__name__)

SESSION_S = 6.0
"""A watch that was killed counts as there for so long; until then nobody else can say where its group stands."""
TIMEOUT_S = 10.0


def rewind(bootstrap: str, group: str, topics: Sequence[str], window_s: float) -> bool:
    """Set the group to where the events of the last `window_s` seconds begin.

    False when somebody else watches in this group: then its partitions are shared as they stand. A watch keeps its
    window in memory alone, so whoever begins reads the window again; alerts may be repeated, cases never notice.
    """
    settings = {**connection(bootstrap), "group.id": group, "enable.auto.commit": False, "log_level": 3}
    consumer = Consumer(settings, logger=client_logger("watch"))
    try:
        known = consumer.list_topics(timeout=TIMEOUT_S).topics
        since_ms = round((time.time() - window_s) * 1000)
        wanted = [
            TopicPartition(topic, partition, since_ms) for topic in topics for partition in known[topic].partitions
        ]
        places = consumer.offsets_for_times(wanted, TIMEOUT_S)
        for place in places:
            if place.offset < 0:  # nothing since: its end
                _, place.offset = consumer.get_watermark_offsets(place, TIMEOUT_S)
        until = time.monotonic() + SESSION_S + 3
        while True:
            try:
                consumer.commit(offsets=places, asynchronous=False)
                return True
            except KafkaException as error:
                if time.monotonic() > until:
                    log.info("another watch is there; sharing its partitions", why=error.args[0].str())
                    return False
                time.sleep(0.5)
    finally:
        consumer.close()
