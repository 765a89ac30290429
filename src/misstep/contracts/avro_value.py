"""One payload as Avro's binary body, and back: JSON in, JSON out, so that both encodings mean the same value."""

from __future__ import annotations

import io
import warnings
from typing import Any

import avro.errors
import avro.io
import avro.schema
import fastavro
from pydantic_core import to_json

from misstep.contracts.avro_reading import Reading
from misstep.contracts.avro_shape import as_text, flat, kind_of, may_be_nothing, named, nodes, recurs
from misstep.contracts.avro_writing import Writing


class NotAvro(ValueError):
    """Bytes that are no value of the schema; its text says why."""


class AvroValue:
    """Reads and writes the values of one schema. ValueError when the schema is none."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            self._parsed: Any = fastavro.parse_schema(flat(schema))
        except Exception as error:  # noqa: BLE001  fastavro's refusals have no common base
            raise ValueError(f"no Avro schema: {error}") from None
        schema = flat(self._parsed)
        self._schema = schema
        self._named = named(schema)
        for node in nodes(schema):
            if kind_of(node) == "array" and may_be_nothing(node["items"], self._named, frozenset()):
                # Twenty bytes could then claim 2**60 items, and reading them would never end.
                raise ValueError("an array whose items may take no bytes at all")
        self._recursive = any(recurs(name, self._named) for name in self._named)
        self._to_avro = Writing(self._named).of(schema)
        self._from_avro = Reading(self._named).of(schema)

    def write(self, value: Any) -> bytes:
        """The body of a value that is given as pydantic's JSON mode has it. ValueError when it does not fit."""
        body = io.BytesIO()
        try:
            fastavro.schemaless_writer(body, self._parsed, self._to_avro(value) if self._to_avro else value)
        except (ArithmeticError, LookupError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None
        return body.getvalue()

    def read(self, body: bytes) -> bytes:
        """The value as JSON. NotAvro when the bytes are truncated, are too many or mean nothing."""
        source = io.BytesIO(body)
        try:
            datum = (
                self._read_recursive(source)
                if self._recursive
                else fastavro.schemaless_reader(source, self._parsed, None)
            )
            left = len(body) - source.tell()
            if left:
                raise NotAvro(f"{left:,} bytes are left over after the value")
            if self._from_avro:
                datum = self._from_avro(datum)
            return to_json(datum, bytes_mode="base64", inf_nan_mode="constants")
        except NotAvro:
            raise
        except (EOFError, IndexError) as error:
            raise NotAvro(f"it ends too early or is none ({type(error).__name__})") from None
        except Exception as error:  # noqa: BLE001  whatever the decoders raise on bytes that mean nothing
            raise NotAvro(f"{type(error).__name__}: {str(error)[:200]}") from None

    def _read_recursive(self, source: io.BytesIO) -> Any:
        # fastavro's compiled reader has no limit of depth: 10 KB of "and another one" end the process with SIGSEGV.
        # Apache's reader is plain Python and stops with a RecursionError.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
            parsed = avro.schema.parse(as_text(self._schema))
        return avro.io.DatumReader(parsed).read(avro.io.BinaryDecoder(source))
