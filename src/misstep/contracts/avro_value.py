"""One payload as Avro's binary body, and back: JSON in, JSON out, so that both encodings mean the same value."""

from __future__ import annotations

import base64
import datetime
import io
import re
import uuid
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import avro.errors
import avro.io
import avro.schema
import fastavro
from pydantic_core import from_json, to_json

from misstep.contracts.avro import ABSENT, ALLOWED, SENT_AS, as_text, kind_of

Convert = Callable[[Any], Any]
Fits = Callable[[Any], bool]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN: Final[Mapping[str, Fits]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float | int) and not isinstance(value, bool),
    "double": lambda value: isinstance(value, float | int) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
}
_PRIMITIVE: Final = frozenset((*_PLAIN, "bytes"))
_COMPLEX: Final = frozenset(("record", "enum", "fixed", "array", "map"))


class NotAvro(ValueError):
    """Bytes that are no value of the schema; its text says why."""


class AvroValue:
    """Reads and writes the values of one schema. ValueError when the schema is none."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            self._parsed: Any = fastavro.parse_schema(_flat(schema))
        except Exception as error:  # noqa: BLE001  fastavro's refusals have no common base
            raise ValueError(f"no Avro schema: {error}") from None
        schema = _flat(self._parsed)
        self._schema = schema
        self._named = _named(schema)
        for node in _nodes(schema):
            if kind_of(node) == "array" and _may_be_nothing(node["items"], self._named, frozenset()):
                # Twenty bytes could then claim 2**60 items, and reading them would never end.
                raise ValueError("an array whose items may take no bytes at all")
        self._recursive = any(_recurs(name, self._named) for name in self._named)
        self._to_avro = _Writing(self._named).of(schema)
        self._from_avro = _Reading(self._named).of(schema)

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


class _Writing:
    """Turns JSON values into what fastavro writes."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._made: dict[str, Convert] = {}

    def of(self, node: Any) -> Convert | None:
        """The conversion that values of this type need; None when they need none."""
        if isinstance(node, list):
            return self._union(node)
        if isinstance(node, str):
            return self._by_name(node) if node in self._named else _base64 if node == "bytes" else None
        convert = _LOGICAL_TO_AVRO.get((node["type"], node.get("logicalType", "")))
        if convert:
            return convert
        match node["type"]:
            case "array":
                return _each(self.of(node["items"]))
            case "map":
                return _each_value(self.of(node["values"]))
            case "record":
                return self._by_name(node["name"])
            case "bytes":
                return _base64
        return None

    def _by_name(self, name: str) -> Convert | None:
        node = self._named[name]
        if node["type"] != "record":
            return None
        if name not in self._made:
            self._made[name] = lambda value: self._made[name](value)  # what recurs finds the real one by then
            self._made[name] = self._record(node)
        return self._made[name]

    def _record(self, node: Any) -> Convert:
        fields = [
            (field["name"], field.get(SENT_AS, field["name"]), self.of(field["type"])) for field in node["fields"]
        ]
        plain = [(name, sent_as) for name, sent_as, convert in fields if convert is None]
        special = [(name, sent_as, convert) for name, sent_as, convert in fields if convert is not None]
        may_lack = {field.get(SENT_AS, field["name"]) for field in node["fields"] if field.get(ABSENT)}

        def record(value: Any) -> Any:
            if may_lack:
                value = {**dict.fromkeys(may_lack), **value}
            made = {name: value[sent_as] for name, sent_as in plain}
            for name, sent_as, convert in special:
                made[name] = convert(value[sent_as])
            return made

        return record

    def _union(self, nodes: list[Any]) -> Convert:
        # Plain text last: it takes every text, and the branches before it only their own.
        branches = [(kind_of(node), self.fits(node), self.of(node)) for node in nodes]
        branches.sort(key=lambda branch: branch[0] == "string")

        def union(value: Any) -> Any:
            for kind, fits, convert in branches:
                if fits(value):
                    return kind, convert(value) if convert else value
            raise ValueError(f"{str(value)[:60]!r} is none of {', '.join(kind for kind, _, _ in branches)}")

        return union

    def fits(self, node: Any) -> Fits:
        """Could a JSON value be of this type?"""
        if isinstance(node, list):
            several = [self.fits(branch) for branch in node]
            return lambda value: any(fits(value) for fits in several)
        node = self._named.get(node, node) if isinstance(node, str) else node
        if isinstance(node, str):
            return _PLAIN.get(node, _converts(_base64))
        convert = _LOGICAL_TO_AVRO.get((node["type"], node.get("logicalType", "")))
        if convert is to_json_text:
            return lambda value: True
        if convert:
            return _converts(convert)
        match node["type"]:
            case "record":
                return self._fits_record(node)
            case "enum":
                symbols = frozenset(node["symbols"])
                return lambda value: isinstance(value, str) and value in symbols
            case "array":
                items = self.fits(node["items"])
                return lambda value: isinstance(value, list) and all(map(items, value))
            case "map":
                values = self.fits(node["values"])
                return lambda value: isinstance(value, dict) and all(map(values, value.values()))
            case "string" if ALLOWED in node:
                texts = frozenset(node[ALLOWED])
                return lambda value: isinstance(value, str) and value in texts
        return self.fits(node["type"])

    def _fits_record(self, node: Any) -> Fits:
        fields: dict[str, Fits] = {}
        names = {field.get(SENT_AS, field["name"]): field for field in node["fields"]}
        always = {name for name, field in names.items() if not field.get(ABSENT)}

        def fits(value: Any) -> bool:
            if not isinstance(value, dict) or not always <= value.keys() <= names.keys():
                return False
            if not fields:  # made when first asked for: a record may contain itself
                fields.update({name: self.fits(field["type"]) for name, field in names.items()})
            return all(fields[name](inner) for name, inner in value.items())

        return fits


class _Reading:
    """Turns what fastavro reads into values that JSON can have."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._special: dict[str, bool] = {}
        self._made: dict[str, Convert] = {}

    def of(self, node: Any) -> Convert | None:
        """The conversion that values of this type need; None when they need none."""
        if not self._needs(node, frozenset()):
            return None
        if isinstance(node, str):
            return self._by_name(node)
        if isinstance(node, list):
            return self._union(node)
        match node["type"]:
            case "array":
                return _each(self.of(node["items"]))
            case "map":
                return _each_value(self.of(node["values"]))
            case "record":
                return self._by_name(node["name"])
        return from_json_text

    def _needs(self, node: Any, seen: frozenset[str]) -> bool:
        if isinstance(node, list):
            return any(self._needs(branch, seen) for branch in node)
        if isinstance(node, str):
            return node in self._named and node not in seen and self._needs(self._named[node], seen)
        match node["type"]:
            case "array":
                return self._needs(node["items"], seen)
            case "map":
                return self._needs(node["values"], seen)
            case "record":
                inside = seen | {node["name"]}
                return any(
                    SENT_AS in field or ABSENT in field or self._needs(field["type"], inside)
                    for field in node["fields"]
                )
        return node.get("logicalType") == "json" and node["type"] in ("string", "bytes")

    def _by_name(self, name: str) -> Convert:
        if name not in self._made:
            self._made[name] = lambda value: self._made[name](value)
            self._made[name] = self._record(self._named[name])
        return self._made[name]

    def _record(self, node: Any) -> Convert:
        fields = [
            (field["name"], field.get(SENT_AS, field["name"]), self.of(field["type"]), bool(field.get(ABSENT)))
            for field in node["fields"]
        ]

        def record(value: Any) -> Any:
            return {
                sent_as: convert(value[name]) if convert else value[name]
                for name, sent_as, convert, may_lack in fields
                if not (may_lack and value[name] is None)
            }

        return record

    def _union(self, nodes: list[Any]) -> Convert:
        branches = [
            (_looks_like(self._named.get(node, node) if isinstance(node, str) else node), self.of(node))
            for node in nodes
        ]

        def union(value: Any) -> Any:
            for looks_like, convert in branches:
                if looks_like(value):
                    return convert(value) if convert else value
            return value

        return union


def _looks_like(node: Any) -> Fits:
    """Could a value that fastavro read be of this branch? Its type tells, and of a record the names of its fields."""
    kind = node if isinstance(node, str) else node["type"]
    if kind == "record":
        names = frozenset(field["name"] for field in node["fields"])
        return lambda value: isinstance(value, dict) and value.keys() == names
    if kind == "array":
        return lambda value: isinstance(value, list)
    if kind == "map":
        return lambda value: isinstance(value, dict)
    return _PLAIN.get(kind, lambda value: isinstance(value, bytes))


def _each(convert: Convert | None) -> Convert | None:
    return (lambda value: [convert(item) for item in value]) if convert else None


def _each_value(convert: Convert | None) -> Convert | None:
    return (lambda value: {key: convert(item) for key, item in value.items()}) if convert else None


def _converts(convert: Convert) -> Fits:
    def fits(value: Any) -> bool:
        try:
            convert(value)
        except (ValueError, TypeError, ArithmeticError):
            return False
        return isinstance(value, str)

    return fits


def _base64(value: str) -> bytes:
    return base64.b64decode(value, altchars=b"-_", validate=True)


def _date(value: str) -> datetime.date:
    if not _DATE.fullmatch(value):
        raise ValueError(value)
    return datetime.date.fromisoformat(value)


def _naive(value: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError(value)
    return moment


def _uuid(value: str) -> uuid.UUID:
    return uuid.UUID(value)


def _decimal(value: str) -> Decimal:
    return Decimal(value)


def to_json_text(value: Any) -> str:
    """A value of any kind as JSON text."""
    return to_json(value).decode()


def from_json_text(text: str | bytes) -> Any:
    """What `to_json_text` wrote. ValueError when it is no JSON."""
    return from_json(text, allow_inf_nan=False)


_LOGICAL_TO_AVRO: Final[Mapping[tuple[str, str], Convert]] = {
    ("int", "date"): _date,
    ("long", "local-timestamp-micros"): _naive,
    ("string", "uuid"): _uuid,
    ("string", "json"): to_json_text,
    ("bytes", "decimal"): _decimal,
}


def _nodes(node: Any) -> list[Any]:
    """Every type of a schema that is written out."""
    if isinstance(node, list):
        return [inner for branch in node for inner in _nodes(branch)]
    if isinstance(node, str):
        return []
    return [node, *(found for part in _parts(node) for found in _nodes(part))]


def _parts(node: dict[str, Any]) -> list[Any]:
    """The types that a type is directly made of."""
    match node["type"]:
        case "array":
            return [node["items"]]
        case "map":
            return [node["values"]]
        case "record":
            return [field["type"] for field in node["fields"]]
    return []


def _flat(node: Any) -> Any:
    """The schema without the spellings that mean nothing: a type within a type, a reference in an object."""
    if isinstance(node, list):
        return [_flat(branch) for branch in node]
    if isinstance(node, str):
        return node
    kind = node["type"]
    if not isinstance(kind, str):
        return _flat(kind)
    if kind not in _COMPLEX and kind not in _PRIMITIVE:
        return kind
    flat = {key: value for key, value in node.items() if not key.startswith("__")}
    for part in ("items", "values"):
        if kind in ("array", "map") and part in flat:
            flat[part] = _flat(flat[part])
    if kind == "record":
        flat["fields"] = [{**field, "type": _flat(field["type"])} for field in flat["fields"]]
    return flat


def _named(schema: Any) -> dict[str, Any]:
    return {node["name"]: node for node in _nodes(schema) if node["type"] in ("record", "enum", "fixed")}


def _recurs(name: str, named: Mapping[str, Any]) -> bool:
    """Does a value of this type contain another of the same?"""
    seen: set[str] = set()
    todo = _references(named[name], named)
    while todo:
        found = todo.pop()
        if found == name:
            return True
        if found not in seen:
            seen.add(found)
            todo |= _references(named[found], named)
    return False


def _references(node: Any, named: Mapping[str, Any], top: bool = True) -> set[str]:
    if isinstance(node, list):
        return {name for branch in node for name in _references(branch, named, False)}
    if isinstance(node, str):
        return {node} & named.keys()
    found = set() if top or node.get("name") not in named else {node["name"]}
    for part in _parts(node):
        found |= _references(part, named, False)
    return found


def _may_be_nothing(node: Any, named: Mapping[str, Any], seen: frozenset[str]) -> bool:
    """Can a value of this type take no bytes at all?"""
    if isinstance(node, list):
        return False
    if isinstance(node, str):
        if node in seen or node not in named:
            return node == "null"
        return _may_be_nothing(named[node], named, seen)
    if node["type"] == "record":
        inside = seen | {node["name"]}
        return all(_may_be_nothing(field["type"], named, inside) for field in node["fields"])
    if node["type"] == "fixed":
        return bool(node["size"] == 0)
    return bool(node["type"] == "null")
