"""Avro payloads as JSON, for the audit: the schema is the one that the value itself names."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from misstep.contracts import SchemaSource
from misstep.contracts.avro_value import AvroValue, NotAvro
from misstep.contracts.codec import SINGLE_OBJECT

FINGERPRINT_BYTES = 8
KNOWN_MAX = 1_024


class AvroForAudit:
    """What a sink calls for a value in Avro's single-object encoding. Thread-safe."""

    def __init__(self, schemas: SchemaSource) -> None:
        self._schemas = schemas
        self._readers: dict[bytes, AvroValue] = {}

    def __call__(self, headers: Mapping[str, bytes], value: bytes) -> bytes | None:
        """JSON text; None when the value is no such Avro or its schema is not known."""
        begin = len(SINGLE_OBJECT) + FINGERPRINT_BYTES
        if not value.startswith(SINGLE_OBJECT) or len(value) < begin:
            return None
        reader = self._reader(value[len(SINGLE_OBJECT) : begin])
        if reader is None:
            return None
        try:
            return reader.read(value[begin:])
        except NotAvro:
            return None

    def _reader(self, fingerprint: bytes) -> AvroValue | None:
        known = self._readers.get(fingerprint)
        if known is not None:
            return known
        record = self._schemas.by_fingerprint(fingerprint)
        if record is None or not record.avro_schema:
            return None
        try:
            reader = AvroValue(orjson.loads(record.avro_schema))
        except ValueError:
            return None
        if len(self._readers) < KNOWN_MAX:
            self._readers[fingerprint] = reader
        return reader
