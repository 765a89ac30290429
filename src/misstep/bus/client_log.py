"""librdkafka's log and statistics, wired into structlog and metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import orjson
import structlog

log = structlog.get_logger("librdkafka")

STATISTICS_INTERVAL_MS = 10_000

AWAY = ("REQTMOUT", "FAIL", "ERROR")
"""Facilities that a broker which is away fills the log with: some twenty lines a second of each client."""
AWAY_EVERY_S = 30.0
"""Of those, one line of this process in so long; the others are for debugging."""


class ClientLog(logging.Handler):
    """Passes librdkafka's lines on to structlog, one event a line."""

    def __init__(self, client: str) -> None:
        super().__init__()
        self._client = client

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        facility = text.split(" ", 1)[0]
        if facility not in AWAY or record.levelno >= logging.CRITICAL:
            log.log(record.levelno, "kafka client", client=self._client, said=text)
        elif record.levelno < logging.ERROR or not _due():
            log.debug("kafka client", client=self._client, said=text)
        else:
            log.warning("Kafka does not answer; it is tried until it does", client=self._client, said=text)


_said_at = float("-inf")


def _due() -> bool:
    """Is it time to say again that Kafka is away? All clients of a process meet the same brokers."""
    global _said_at
    now = time.monotonic()
    if now - _said_at < AWAY_EVERY_S:
        return False
    _said_at = now
    return True


def client_logger(client: str) -> logging.Logger:
    """A logger to hand to a confluent-kafka client (`logger=`)."""
    logger = logging.Logger(f"librdkafka.{client}")  # of its own, not in the tree: nobody else configures it
    logger.addHandler(ClientLog(client))
    return logger


class StatisticsSink(Protocol):
    def broker_rtt(self, client: str, broker: str, seconds: float) -> None: ...
    def lag(self, group: str, topic: str, partition: str, messages: int | None) -> None: ...


def statistics_callback(group: str, sink: StatisticsSink) -> Callable[[str], None]:
    """A `stats_cb` that turns librdkafka's JSON into metrics."""

    def take(text: str) -> None:
        stats: dict[str, Any] = orjson.loads(text)
        for name, broker in stats.get("brokers", {}).items():
            if broker.get("nodeid", -1) >= 0 and broker.get("rtt", {}).get("cnt"):
                sink.broker_rtt(stats.get("client_id", ""), name, broker["rtt"]["p99"] / 1e6)
        for topic, found in stats.get("topics", {}).items():
            for partition, at in found.get("partitions", {}).items():
                if partition != "-1":  # a lag of -1: not ours, or not ours any more
                    lag = at.get("consumer_lag", -1)
                    sink.lag(group, topic, partition, lag if lag >= 0 else None)

    return take
