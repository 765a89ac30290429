"""A contract as an Avro record schema, by a small generator of our own.

It follows the JSON that pydantic writes, because an encoding must not change what an agent reads: whatever JSON keeps,
Avro keeps. So a datetime that may bear an offset is text (timestamp-micros would bring 00:30+01:00 back as the day
before), and a Decimal is the logical type `decimal` only when the contract bounds its digits on both sides.

| in Python | in Avro |
|---|---|
| int, float, bool, str | long, double, boolean, string |
| bytes | bytes |
| date; uuid | the logical types of these names |
| NaiveDatetime | local-timestamp-micros |
| any other datetime, time, timedelta, URL, address | string, as JSON has it |
| Decimal with max_digits and decimal_places | bytes, logical type decimal |
| any other Decimal | string |
| enum of texts that are Avro names | enum; any other enum and every Literal: the type of its values |
| model, dataclass, TypedDict | record |
| list, tuple, set | array (of a union, where the items of a tuple differ) |
| dict with known values | map |
| Any, JsonValue, unions that Avro cannot tell apart | string, logical type json |

py-avro-schema was tried and does otherwise: it refuses a Decimal without precision, drops offsets, gives every enum its
first symbol as the default (a new symbol is then silently read as another one), and takes names from Python packages.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from misstep.contracts.avro_default import give_default
from misstep.contracts.avro_shape import ABSENT, ALLOWED, JSON_TEXT, SENT_AS, kind_of
from misstep.contracts.json_schema import Published, generated

_NAIVE: Final = "x-naive"
_AVRO_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EMPTY: Final[dict[Any, Any]] = {list: [], tuple: [], set: [], frozenset: [], dict: {}, str: "", int: 0, bool: False}
_TOO_MANY_DIGITS: Final = 1_000


class _Written(Published):
    """JSON Schema of what pydantic writes, with what Avro has to know besides."""

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        said = super().datetime_schema(schema)
        return {**said, _NAIVE: True} if schema.get("tz_constraint") == "naive" else said

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        said = super().default_schema(schema)
        factory: Any = schema.get("default_factory")
        if factory in _EMPTY and "default" not in said:
            # Of a factory only the empty builtins are the same every time; calling any other would not be a schema.
            return {**said, "default": _EMPTY[factory]}
        return said

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        said = super().typed_dict_schema(schema)
        required = said.get("required", [])
        said[ABSENT] = [name for name in said.get("properties", {}) if name not in required]
        return said


def schema_of(model: type[BaseModel], name: str) -> dict[str, Any]:
    """The model as an Avro record called `name` (its dots are the namespace). UsageError if it cannot be said."""
    written = generated(model, _Written, "serialization")
    return _Builder(written.get("$defs", {}), name).root(written)


class _Builder:
    """Translates one JSON Schema with its definitions."""

    def __init__(self, definitions: dict[str, Any], name: str) -> None:
        self._definitions = definitions
        self._root_name = name
        self._names: dict[str, str] = {}
        self._written: set[str] = set()

    def root(self, schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref")
        if reference is not None:
            # A model that contains itself stands among its own definitions.
            key = reference.rsplit("/", 1)[-1]
            self._names[key] = self._root_name
            self._written.add(key)
            schema = self._definitions[key]
        return self._record(schema, self._root_name)

    def _node(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self._definition(schema["$ref"].rsplit("/", 1)[-1])
        if len(schema.get("allOf", ())) == 1:
            return self._node(schema["allOf"][0])
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return _union([self._node(branch) for branch in branches])
        if "const" in schema or "enum" in schema:
            return _literal(schema["enum"] if "enum" in schema else [schema["const"]])
        match schema.get("type"):
            case "string":
                return _text(schema)
            case "integer":
                return "long"
            case "number":
                return "double"
            case "boolean" | "null" as primitive:
                return primitive
            case "array":
                return self._array(schema)
            case "object":
                return self._object(schema)
            case list() as kinds:
                return _union([self._node({**schema, "type": kind}) for kind in kinds])
        return dict(JSON_TEXT)

    def _definition(self, key: str) -> Any:
        if key in self._written:
            return self._names[key]
        schema = self._definitions[key]
        if "properties" in schema and "additionalProperties" not in schema:
            self._name(key)
            return self._record(schema, self._names[key])
        symbols = schema.get("enum")
        if symbols and all(isinstance(symbol, str) and _AVRO_NAME.fullmatch(symbol) for symbol in symbols):
            self._name(key)
            return _with_words({"type": "enum", "name": self._names[key], "symbols": symbols}, schema)
        if key in self._names:
            # Something without a name of its own in Avro (a list of itself, say) has no other way to recur.
            return dict(JSON_TEXT)
        self._names[key] = ""
        node = self._node(schema)
        del self._names[key]
        return node

    def _name(self, key: str) -> None:
        self._names[key] = f"{self._root_name}.{_avro_name(key, self._taken())}"
        self._written.add(key)

    def _taken(self) -> set[str]:
        return {name.rsplit(".", 1)[-1] for name in self._names.values()}

    def _record(self, schema: dict[str, Any], name: str) -> dict[str, Any]:
        fields: list[dict[str, Any]] = []
        taken: set[str] = set()
        for sent_as, part in schema.get("properties", {}).items():
            field: dict[str, Any] = {"name": _avro_name(sent_as, taken)}
            taken.add(field["name"])
            if field["name"] != sent_as:
                field[SENT_AS] = sent_as
            field["type"] = self._node(part)
            if sent_as in schema.get(ABSENT, ()):
                field["type"] = _union(["null", field["type"]])
                field[ABSENT] = True
                field["default"] = None
            elif "default" in part:
                give_default(field, part["default"], self._symbols_of)
            fields.append(_with_words(field, part))
        return _with_words({"type": "record", "name": name, "fields": fields}, schema)

    def _array(self, schema: dict[str, Any]) -> Any:
        items = [*schema.get("prefixItems", ())]
        if isinstance(schema.get("items"), dict):
            items.append(schema["items"])
        if not items:
            return {"type": "array", "items": dict(JSON_TEXT)}
        return {"type": "array", "items": _union([self._node(item) for item in items])}

    def _object(self, schema: dict[str, Any]) -> Any:
        values = schema.get("additionalProperties")
        if isinstance(values, dict) and values and not schema.get("properties"):
            return {"type": "map", "values": self._node(values)}
        return dict(JSON_TEXT)

    def _symbols_of(self, name: str) -> list[Any] | None:
        for key, given in self._names.items():
            if given == name:
                symbols: list[Any] | None = self._definitions[key].get("enum")
                return symbols
        return None


def _text(schema: dict[str, Any]) -> Any:
    digits, places = schema.get("maxDigits"), schema.get("decimalPlaces")
    match schema.get("format"):
        case "date":
            return {"type": "int", "logicalType": "date"}
        case "uuid" | "uuid1" | "uuid3" | "uuid4" | "uuid5":
            return {"type": "string", "logicalType": "uuid"}
        case "base64url":
            return "bytes"
        case "date-time" if schema.get(_NAIVE):
            return {"type": "long", "logicalType": "local-timestamp-micros"}
        case "decimal" if digits is not None and places is not None and places <= digits <= _TOO_MANY_DIGITS:
            return {"type": "bytes", "logicalType": "decimal", "precision": digits, "scale": places}
    return "string"


def _literal(values: list[Any]) -> Any:
    kinds: dict[type, str] = {type(None): "null", bool: "boolean", int: "long", float: "double", str: "string"}
    if not all(type(value) in kinds for value in values):
        return dict(JSON_TEXT)
    found = list(dict.fromkeys(kinds[type(value)] for value in values))
    texts = [value for value in values if isinstance(value, str)]
    return _union([{"type": "string", ALLOWED: texts} if kind == "string" else kind for kind in found])


def _union(nodes: list[Any]) -> Any:
    """One type that holds all of them; JSON text where Avro could not tell them apart."""
    flat: list[Any] = []
    for node in nodes:
        flat += [part for part in (node if isinstance(node, list) else [node]) if part not in flat]
    kinds: dict[str, Any] = {}
    for node in flat:
        kind = kind_of(node)
        known = kinds.setdefault(kind, node)
        if known == node:
            continue
        if kind != "string" or JSON_TEXT in (known, node):
            return ["null", dict(JSON_TEXT)] if "null" in kinds else dict(JSON_TEXT)
        kinds[kind] = "string"
    if JSON_TEXT in flat and len(flat) > 1 and not (len(flat) == 2 and "null" in flat):
        return ["null", dict(JSON_TEXT)] if "null" in flat else dict(JSON_TEXT)
    found = list(kinds.values())
    return found[0] if len(found) == 1 else found


def _avro_name(text: str, taken: set[str]) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    if not name or name[0].isdigit():
        name = f"_{name}"
    while name in taken:
        name += "_"
    return name


def _with_words(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "description" in schema:
        node["doc"] = schema["description"]
    return node
