"""What fastavro reads into values that JSON can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from misstep.contracts.avro_shape import ABSENT, SENT_AS
from misstep.contracts.avro_writing import PLAIN, Convert, Fits, each, each_value


class Reading:
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
                return each(self.of(node["items"]))
            case "map":
                return each_value(self.of(node["values"]))
            case "record":
                return self._by_name(node["name"])
        return _from_json_text

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
    if isinstance(node, dict) and node["type"] == "record":
        names = frozenset(field["name"] for field in node["fields"])
        return lambda value: isinstance(value, dict) and value.keys() == names
    kind = node if isinstance(node, str) else node["type"]
    if kind == "array":
        return lambda value: isinstance(value, list)
    if kind == "map":
        return lambda value: isinstance(value, dict)
    return PLAIN.get(kind, lambda value: isinstance(value, bytes))


def _from_json_text(text: str | bytes) -> Any:
    """What `to_json_text` wrote. ValueError when it is no JSON."""
    return from_json(text, allow_inf_nan=False)
