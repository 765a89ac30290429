"""The texts that an expression can be: constants, choices of them, and whatever is typed as Literal."""

from __future__ import annotations

import ast
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Union

from misstep.agents.turn import Turn
from misstep.saga.function_source import FunctionSource, hints_of

Values = frozenset[str]

_DEPTH_MAX = 8


def literal_values(
    node: ast.expr | None, source: FunctionSource, given: Mapping[str, Values], depth: int = 0
) -> Values | None:
    """All texts that the expression can be in this function; None when they cannot be told.

    given: what the function's parameters are known to be, from the call that is followed.
    """
    if node is None or depth > _DEPTH_MAX:
        return None
    if isinstance(node, ast.Constant):
        return frozenset({node.value}) if isinstance(node.value, str) else None
    if isinstance(node, ast.IfExp):
        return _all([node.body, node.orelse], source, given, depth)
    if isinstance(node, ast.BoolOp):
        return _all(node.values, source, given, depth)
    if isinstance(node, ast.Name):
        assigned = source.assigned(node.id)
        if assigned and node.id not in source.parameters:
            values = _all(assigned, source, given, depth)
            if values is not None:
                return values
        elif node.id in given and not assigned:
            return given[node.id]
    constant = source.resolve(node)
    if isinstance(constant, str):
        return frozenset({constant.value if isinstance(constant, Enum) else constant})
    return _texts_of(static_type(node, source))


def static_type(node: ast.expr, source: FunctionSource, depth: int = 0) -> Any:
    """The type of an expression as far as annotations tell; None otherwise."""
    if depth > _DEPTH_MAX:
        return None
    if isinstance(node, ast.Await):
        return static_type(node.value, source, depth + 1)
    if isinstance(node, ast.Call):
        called = source.resolve(node.func)
        return called if isinstance(called, type) else hints_of(called).get("return") if callable(called) else None
    if isinstance(node, ast.Attribute):
        return _attribute(static_type(node.value, source, depth + 1), node.attr)
    if isinstance(node, ast.Name):
        if node.id in source.annotated:
            return source.evaluate(source.annotated[node.id])
        assigned = source.assigned(node.id)
        if not assigned and node.id in source.parameters:
            return source.hints.get(node.id)
        if len(assigned) == 1 and assigned[0] is not None:
            return static_type(assigned[0], source, depth + 1)
    return None


def _attribute(owner: Any, name: str) -> Any:
    if typing.get_origin(owner) is Turn:
        return typing.get_args(owner)[0] if name == "payload" else None
    kinds = [kind for kind in _members(owner) if kind is not type(None)]
    if len(kinds) != 1 or not isinstance(kinds[0], type):
        return None
    found = hints_of(kinds[0]).get(name)
    if found is None:
        said = getattr(kinds[0], name, None)
        found = hints_of(said.fget).get("return") if isinstance(said, property) and said.fget else None
    return found


def _texts_of(hint: Any) -> Values | None:
    """The texts of Literal["a", "b"], with or without None."""
    texts: set[str] = set()
    for member in _members(hint):
        if member is type(None):
            continue
        if typing.get_origin(member) is not Literal:
            return None
        texts |= {text for text in typing.get_args(member) if isinstance(text, str)}
    return frozenset(texts) or None


def _members(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _all(
    nodes: typing.Sequence[ast.expr | None], source: FunctionSource, given: Mapping[str, Values], depth: int
) -> Values | None:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Constant) and node.value is None:
            continue  # None and no failure
        values = literal_values(node, source, given, depth + 1)
        if values is None:
            return None
        found |= values
    return frozenset(found) or None
