"""The schema registry lives in Kafka: `{ns}.contracts`, compacted, a schema by the sha256 of its contract."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaException

from misstep.bus.table import Table
from misstep.bus.topics import contracts_topic
from misstep.contracts import SchemaRecord

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 5.0
"""How long "not there" is believed before the topic is read again."""


class KafkaSchemas:
    """A SchemaSource that looks into `{ns}.contracts` when it meets an identity that it does not know. Thread-safe."""

    def __init__(self, bootstrap: str, namespace: str, client_id: str) -> None:
        self._table = Table(bootstrap, contracts_topic(namespace), f"{client_id}.contracts")
        self._lock = threading.Lock()
        self._by_sha256: dict[str, SchemaRecord] = {}
        self._by_fingerprint: dict[bytes, SchemaRecord] = {}
        self._missed_at: dict[str | bytes, float] = {}

    def by_sha256(self, sha256: str) -> SchemaRecord | None:
        """The contract with this identity."""
        return self._find(self._by_sha256, sha256)

    def by_fingerprint(self, fingerprint: bytes) -> SchemaRecord | None:
        """The contract whose Avro schema has this CRC-64-AVRO fingerprint (8 bytes, little-endian)."""
        return self._find(self._by_fingerprint, fingerprint)

    def by_confluent_id(self, schema_id: int) -> SchemaRecord | None:
        """Confluent's ids are another registry's; none is known here."""
        return None

    def _find(self, known: Mapping[Any, SchemaRecord], wanted: str | bytes) -> SchemaRecord | None:
        found = known.get(wanted)
        if found is not None:
            return found
        with self._lock:
            now = time.monotonic()
            if now - self._missed_at.get(wanted, -LOOK_AGAIN_S) >= LOOK_AGAIN_S:
                self._missed_at[wanted] = now
                self._read()
                if len(self._missed_at) > 10_000:
                    self._missed_at.clear()
        return known.get(wanted)

    def _read(self) -> None:
        try:
            self._table.refresh()
        except KafkaException as error:
            log.warning("the contracts topic cannot be read now", error=error.args[0].str())
        for key, raw in self._table.rows.items():
            if key.decode("utf-8", "replace") in self._by_sha256:
                continue
            try:
                record = SchemaRecord.from_bytes(raw)
            except ValueError as error:
                log.warning("a record of the contracts topic is unreadable", key=str(key), error=str(error))
                continue
            self._by_sha256[record.sha256] = record
            self._by_fingerprint[record.fingerprint] = record

    def close(self) -> None:
        self._table.close()
