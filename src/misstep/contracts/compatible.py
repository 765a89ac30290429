"""Can a reader's contract read what another contract wrote? By Apache Avro's own rules, offline, field by field."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import avro.compatibility
import avro.errors
import avro.schema

from misstep.contracts.avro_shape import SENT_AS, as_text
from misstep.contracts.identity import Identity

Incompatibility = tuple[str, str, str]
"""Field (with dots), rule, what is wrong."""


def why_unreadable(reader: Identity, writer_schema: str) -> str:
    """Why values of a writer's Avro schema (JSON text) cannot be read by this contract; empty when they can be."""
    try:
        found = incompatibilities(reader.avro_schema, json.loads(writer_schema))
    except ValueError as error:
        return str(error)
    return "; ".join(f"{field}: {message}" for field, _, message in found[:5])


def incompatibilities(reader: Any, writer: Any) -> list[Incompatibility]:
    """What keeps `reader` from reading `writer`'s values. ValueError when either is no Avro schema."""
    return list(_of_pair(_parsed(reader), _parsed(writer), "", frozenset()))


def _parsed(schema: Any) -> Any:
    with warnings.catch_warnings():
        # Logical types that the avro package does not know are no news: it takes them for what they rest on.
        warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
        try:
            return avro.schema.parse(as_text(schema))
        except avro.errors.AvroException as error:
            raise ValueError(f"no Avro schema: {error}") from None


def _of_pair(reader: Any, writer: Any, field: str, seen: frozenset[tuple[str, str]]) -> Iterator[Incompatibility]:
    """Apache's checker says whether; where, it says only roughly, so records are gone into here."""
    checker: Any = avro.compatibility.ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is avro.compatibility.SchemaCompatibilityType.compatible:
        return
    inside = list(_inside(reader, writer, field, seen))
    if inside:
        yield from inside
        return
    kinds = sorted({kind.value for kind in result.incompatibilities})
    yield field or "value", ", ".join(kinds), "; ".join(sorted(result.messages))


def _inside(reader: Any, writer: Any, field: str, seen: frozenset[tuple[str, str]]) -> Iterator[Incompatibility]:
    if reader.type != writer.type:
        pair = _optional(reader), _optional(writer)
        if pair[0].type == pair[1].type and pair != (reader, writer):
            yield from _inside(*pair, field, seen)
        return
    match reader.type:
        case "array":
            yield from _of_pair(reader.items, writer.items, f"{field}[]", seen)
        case "map":
            yield from _of_pair(reader.values, writer.values, f"{field}{{}}", seen)
        case "union":
            pair = _optional(reader), _optional(writer)
            if pair[0] is not reader and pair[1] is not writer:
                yield from _of_pair(*pair, field, seen)
        case "record":
            names = (reader.fullname, writer.fullname)
            if names in seen:
                return
            if reader.name != writer.name:
                yield field or "value", "name_mismatch", f"it is called {reader.name}, it was {writer.name}"
            written = {known.name: known for known in writer.fields}
            for known in reader.fields:
                name = known.props.get(SENT_AS, known.name)
                place = f"{field}.{name}" if field else name
                if known.name in written:
                    yield from _of_pair(known.type, written[known.name].type, place, seen | {names})
                elif not known.has_default:
                    yield place, "reader_field_missing_default_value", "it is new and has no default"


def _optional(schema: Any) -> Any:
    """What an optional type holds besides null; any other type itself."""
    if schema.type != "union":
        return schema
    others = [branch for branch in schema.schemas if branch.type != "null"]
    return others[0] if len(others) == 1 else schema
