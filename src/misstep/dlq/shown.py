"""A letter's payload as a person may see it: read where it can be, its redacted fields masked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from misstep.contracts import SchemaSource
from misstep.contracts.avro_value import AvroValue, NotAvro
from misstep.contracts.codec import SINGLE_OBJECT
from misstep.dlq.redaction import MASK, Redaction

RAW_SHOWN_BYTES: Final = 256
_FINGERPRINT_BYTES: Final = 8
_SAID_ABOUT_IT: Final = ("ce_evidence", "ce_failuredetail", "ce_justification")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a payload."""

    payload: Any
    """As JSON values; None when the bytes cannot be read."""
    readable: bool
    bytes_count: int
    plain: Any
    """The same without a mask: to find in what was said about it what is to be masked there."""
    begins: str
    """The first bytes, where they cannot be read and nothing is redacted; base64."""


def shown(value: bytes | None, redaction: Redaction, schemas: SchemaSource) -> Shown:
    """A value for a listing. What cannot be read cannot be masked field by field: with redaction, it is not shown."""
    raw = value or b""
    text = json_text(raw, schemas)
    if text is not None:
        plain = orjson.loads(text)
        return Shown(redaction.masked(plain), readable=True, bytes_count=len(raw), plain=plain, begins="")
    begins = MASK if redaction.paths else base64.b64encode(raw[:RAW_SHOWN_BYTES]).decode()
    return Shown(None, readable=False, bytes_count=len(raw), plain=None, begins=begins)


def shown_headers(headers: Mapping[str, bytes], seen: Shown, redaction: Redaction) -> dict[str, str]:
    """Headers as text; where they repeat what is redacted in the payload, masked too."""
    said = {name: value.decode("utf-8", "backslashreplace") for name, value in headers.items()}
    for name in _SAID_ABOUT_IT:
        if name in said and redaction.paths:
            said[name] = redaction.masked_mentions(said[name], seen.plain) if seen.readable else MASK
    return said


def json_text(value: bytes, schemas: SchemaSource) -> bytes | None:
    """A value as JSON text: as it is, or out of Avro whose schema is known; None when it can be read as neither."""
    if value.startswith(SINGLE_OBJECT):
        return _from_avro(value, schemas)
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return value


def _from_avro(value: bytes, schemas: SchemaSource) -> bytes | None:
    begin = len(SINGLE_OBJECT) + _FINGERPRINT_BYTES
    record = schemas.by_fingerprint(value[len(SINGLE_OBJECT) : begin])
    if record is None or not record.avro_schema:
        return None
    try:
        return AvroValue(orjson.loads(record.avro_schema)).read(value[begin:])
    except (NotAvro, ValueError):
        return None
