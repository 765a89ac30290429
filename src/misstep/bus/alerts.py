"""Says in `{ns}.alerts` what was found. Whoever says something never waits for Kafka."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

import orjson
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from misstep.bus.client_log import client_logger
from misstep.bus.config import publisher_config
from misstep.bus.topics import alerts_topic

log = structlog.get_logger(__name__)

WAITING_MAX = 1_000
TIMEOUT_MS = 10_000
"""What Kafka has not taken by then is dropped: an alert is news, and the log and the metrics say the same."""


class Alerts:
    """A small producer of its own, without transactions, in a thread of its own that begins with the first alert."""

    def __init__(self, bootstrap: str, namespace: str, client_id: str) -> None:
        self._bootstrap = bootstrap
        self._topic = alerts_topic(namespace)
        self._client_id = f"{client_id}.alerts"
        self._waiting: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(WAITING_MAX)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def say(self, key: str, value: Mapping[str, object]) -> None:
        """Write one alert, a JSON object, soon. While Kafka is away it is dropped, and that is logged. (Any thread.)"""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait((key.encode(), orjson.dumps(value)))
        except queue.Full:
            log.warning("an alert was dropped: Kafka does not take them", alert=key)

    def close(self, within_s: float = 2.0) -> None:
        """Write what is still waiting, for so long at most."""
        if self._thread is not None:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                return
            self._thread.join(within_s)

    def _run(self) -> None:
        settings = {"client.id": self._client_id, "linger.ms": 0, "message.timeout.ms": TIMEOUT_MS}
        producer = Producer(publisher_config(self._bootstrap, **settings), logger=client_logger("alerts"))
        while (alert := self._waiting.get()) is not None:
            try:
                producer.produce(self._topic, alert[1], alert[0], on_delivery=_delivered)
            except (BufferError, KafkaException) as error:
                log.warning("an alert was dropped", alert=alert[0].decode(), because=str(error))
            if self._waiting.empty():
                producer.flush(TIMEOUT_MS / 1000 + 2)
        producer.flush(TIMEOUT_MS / 1000)


def _delivered(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        key = message.key()
        log.warning("an alert was dropped", alert=key.decode() if isinstance(key, bytes) else None, because=error.str())
