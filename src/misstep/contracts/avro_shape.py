"""What can be said of an Avro schema: its text, its fingerprint, its parts, and the attributes of ours in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import fastavro.schema

JSON_TEXT: Final = {"type": "string", "logicalType": "json"}
SENT_AS: Final = "sentAs"
"""Attribute of a field: its name in JSON, where that is no Avro name."""
ABSENT: Final = "absentWhenNull"
"""Attribute of a field: null stands for a key that is not there."""
ALLOWED: Final = "allowed"
"""Attribute of a text: the values that a Literal allows."""


_WORDS: Final = ("doc",)
_PRIMITIVE: Final = frozenset(("null", "boolean", "int", "long", "float", "double", "string", "bytes"))
_COMPLEX: Final = frozenset(("record", "enum", "fixed", "array", "map"))


def as_text(schema: Any) -> str:
    """The schema as one line of JSON. (orjson refuses a bound of more than 64 bits.)"""
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def fingerprint(schema: Any) -> bytes:
    """CRC-64-AVRO of the parsing canonical form: the 8 bytes, little-endian, of the single-object encoding."""
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def without_words(schema: Any) -> Any:
    """The schema without what is said for people."""
    if isinstance(schema, list):
        return [without_words(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: part if key == "default" else without_words(part) for key, part in schema.items() if key not in _WORDS}


def holds_free_json(schema: Any) -> bool:
    """Is there anything in it that may be any JSON?"""
    if isinstance(schema, list):
        return any(map(holds_free_json, schema))
    if not isinstance(schema, dict):
        return False
    return schema.get("logicalType") == "json" or any(map(holds_free_json, schema.values()))


def kind_of(node: Any) -> str:
    """What a union of Avro knows a branch by: its full name, or its type."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return "union"
    return str(node["name"] if node["type"] in ("record", "enum", "fixed") else node["type"])


def nodes(node: Any) -> list[Any]:
    """Every type of a schema that is written out."""
    if isinstance(node, list):
        return [inner for branch in node for inner in nodes(branch)]
    if isinstance(node, str):
        return []
    return [node, *(found for part in _parts(node) for found in nodes(part))]


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


def flat(node: Any) -> Any:
    """The schema without the spellings that mean nothing: a type within a type, a reference in an object."""
    if isinstance(node, list):
        return [flat(branch) for branch in node]
    if isinstance(node, str):
        return node
    kind = node["type"]
    if not isinstance(kind, str):
        return flat(kind)
    if kind not in _COMPLEX and kind not in _PRIMITIVE:
        return kind
    plain: dict[str, Any] = {key: value for key, value in node.items() if not key.startswith("__")}
    for part in ("items", "values"):
        if kind in ("array", "map") and part in plain:
            plain[part] = flat(plain[part])
    if kind == "record":
        plain["fields"] = [{**field, "type": flat(field["type"])} for field in plain["fields"]]
    return plain


def named(schema: Any) -> dict[str, Any]:
    return {node["name"]: node for node in nodes(schema) if node["type"] in ("record", "enum", "fixed")}


def recurs(name: str, named: Mapping[str, Any]) -> bool:
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


def may_be_nothing(node: Any, named: Mapping[str, Any], seen: frozenset[str]) -> bool:
    """Can a value of this type take no bytes at all?"""
    if isinstance(node, list):
        return False
    if isinstance(node, str):
        if node in seen or node not in named:
            return node == "null"
        return may_be_nothing(named[node], named, seen)
    if node["type"] == "record":
        inside = seen | {node["name"]}
        return all(may_be_nothing(field["type"], named, inside) for field in node["fields"])
    if node["type"] == "fixed":
        return bool(node["size"] == 0)
    return bool(node["type"] == "null")
