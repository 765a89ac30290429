"""JSON values into what fastavro writes, as the schema wants them."""

from __future__ import annotations

import base64
import datetime
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic_core import to_json

from misstep.contracts.avro_shape import ABSENT, ALLOWED, SENT_AS, kind_of

Convert = Callable[[Any], Any]
Fits = Callable[[Any], bool]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PLAIN: Final[Mapping[str, Fits]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float | int) and not isinstance(value, bool),
    "double": lambda value: isinstance(value, float | int) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
}


class Writing:
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
                return each(self.of(node["items"]))
            case "map":
                return each_value(self.of(node["values"]))
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
            return PLAIN.get(node, _converts(_base64))
        convert = _LOGICAL_TO_AVRO.get((node["type"], node.get("logicalType", "")))
        if convert is _to_json_text:
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


def each(convert: Convert | None) -> Convert | None:
    return (lambda value: [convert(item) for item in value]) if convert else None


def each_value(convert: Convert | None) -> Convert | None:
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


def _to_json_text(value: Any) -> str:
    """A value of any kind as JSON text."""
    return to_json(value).decode()


_LOGICAL_TO_AVRO: Final[Mapping[tuple[str, str], Convert]] = {
    ("int", "date"): _date,
    ("long", "local-timestamp-micros"): _naive,
    ("string", "uuid"): _uuid,
    ("string", "json"): _to_json_text,
    ("bytes", "decimal"): _decimal,
}
