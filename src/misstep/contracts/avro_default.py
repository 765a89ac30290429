"""Defaults of a contract's fields in Avro's own spelling."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from misstep.contracts.avro_shape import SENT_AS, kind_of

Symbols = Callable[[str], "list[Any] | None"]
"""The symbols of the enum of this name; None when it is none."""


def give_default(field: dict[str, Any], value: Any, symbols_of: Symbols) -> None:
    """The default in Avro's own spelling; a union begins with the branch that its default is of."""
    node = field["type"]
    for branch in node if isinstance(node, list) else [node]:
        try:
            field["default"] = _default(branch, value, symbols_of)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            continue
        if isinstance(node, list):
            field["type"] = [branch, *(other for other in node if other is not branch)]
        return


def _default(node: Any, value: Any, symbols_of: Symbols) -> Any:
    """`value`, as pydantic writes it in JSON, as an Avro default of type `node`. Raises when it is of another type."""
    kind = kind_of(node)
    logical = node.get("logicalType") if isinstance(node, dict) else None
    if logical == "json":
        return to_json(value).decode()
    if logical == "date":
        return (datetime.date.fromisoformat(value) - datetime.date(1970, 1, 1)).days
    if logical == "local-timestamp-micros":
        since = datetime.datetime.fromisoformat(value) - datetime.datetime(1970, 1, 1)
        return since // datetime.timedelta(microseconds=1)
    if logical == "decimal":
        unscaled = int(Decimal(value).scaleb(node["scale"]))
        return unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True).decode("latin-1")
    if kind == "bytes":
        return base64.urlsafe_b64decode(value).decode("latin-1")
    simple: dict[str, tuple[type, ...]] = {
        "null": (type(None),),
        "boolean": (bool,),
        "long": (int,),
        "double": (int, float),
        "string": (str,),
        "array": (list,),
        "map": (dict,),
    }
    if kind in simple:
        if not isinstance(value, simple[kind]) or (isinstance(value, bool) and kind != "boolean"):
            raise TypeError(kind)
        if isinstance(value, list):
            return [_inner_default(node["items"], item, symbols_of) for item in value]
        if isinstance(value, dict):
            return {key: _inner_default(node["values"], item, symbols_of) for key, item in value.items()}
        return value
    if isinstance(value, str):
        symbols = node.get("symbols") if isinstance(node, dict) else symbols_of(kind)
        if not symbols or value not in symbols:
            raise ValueError(value)
        return value
    if isinstance(node, str) or not isinstance(value, dict):
        raise TypeError(kind)
    return {
        field["name"]: _inner_default(field["type"], value[field.get(SENT_AS, field["name"])], symbols_of)
        for field in node["fields"]
    }


def _inner_default(node: Any, value: Any, symbols_of: Symbols) -> Any:
    # Inside a default, too, Avro takes a union's value to be of its first branch.
    return _default(node[0] if isinstance(node, list) else node, value, symbols_of)
