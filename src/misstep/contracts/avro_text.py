"""Avro values as JSON text, for whoever stores or shows them without their Python class: the audit, the console."""

from __future__ import annotations

import json
from collections.abc import Mapping

from misstep.contracts.avro_value import AvroValue, NotAvro
from misstep.contracts.codec import SINGLE_OBJECT
from misstep.contracts.schema_record import SchemaRecord, SchemaSource

_CONFLUENT = b"\0"


class AvroText:
    """Called with an event's headers and value, gives the value's JSON; None when it is no Avro that can be read."""

    def __init__(self, schemas: SchemaSource) -> None:
        self._schemas = schemas
        self._known: dict[str, AvroValue | None] = {}

    def __call__(self, headers: Mapping[str, bytes], value: bytes) -> bytes | None:
        if value[:2] == SINGLE_OBJECT and len(value) >= 10:
            record, body = self._named(headers.get("ce_dataschema", b""), value[2:10]), value[10:]
        elif value[:1] == _CONFLUENT and len(value) >= 5:
            record, body = self._schemas.by_confluent_id(int.from_bytes(value[1:5], "big")), value[5:]
        else:
            return None
        if record is None:
            return None
        if record.sha256 not in self._known:
            self._known[record.sha256] = _value_of(record)
        reads = self._known[record.sha256]
        if reads is None:
            return None
        try:
            return reads.read(body)
        except NotAvro:
            return None

    def _named(self, dataschema: bytes, fingerprint: bytes) -> SchemaRecord | None:
        """By the contract's own hash where the event has it: two contracts may share a fingerprint."""
        exact = self._schemas.by_sha256(dataschema.rpartition(b":")[2].decode("ascii", "replace"))
        if exact is not None and exact.fingerprint == fingerprint:
            return exact
        return self._schemas.by_fingerprint(fingerprint)


def _value_of(record: SchemaRecord) -> AvroValue | None:
    try:
        return AvroValue(json.loads(record.avro_schema))
    except (ValueError, RecursionError):
        return None
