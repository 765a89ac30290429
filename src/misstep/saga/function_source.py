"""A function as its source has it: the syntax tree of its body, and what the names in it stand for."""

from __future__ import annotations

import ast
import builtins
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from misstep.agents.agent import Agent

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class FunctionSource:
    """One function's definition."""

    function: Any
    """A plain function. (Typed as one, pyright would bind it to the source as a method.)"""
    node: Definition
    file: str

    @property
    def code(self) -> CodeType:
        code: CodeType = self.function.__code__
        return code

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        return parameters_of(self.node)

    @cached_property
    def hints(self) -> dict[str, Any]:
        """Annotations, resolved; empty when one of them cannot be."""
        return hints_of(self.function)

    @cached_property
    def assignments(self) -> list[tuple[str, ast.expr | None]]:
        """(name, value) of every binding of a plain name in the body; None for a value that is not written out."""
        found: list[tuple[str, ast.expr | None]] = []
        for node in ast.walk(self.node):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    found += _bound(target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
                found += _bound(node.target, node.value)
            elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension):
                found += _bound(node.target, None)
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                found += _bound(node.optional_vars, None)
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                found.append((node.name, None))
        return found

    def assigned(self, name: str) -> list[ast.expr | None]:
        """The values that a local name is ever given; empty when it is not local."""
        return [value for target, value in self.assignments if target == name]

    @cached_property
    def annotated(self) -> dict[str, ast.expr]:
        """Annotations of local names."""
        return {
            node.target.id: node.annotation
            for node in ast.walk(self.node)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }

    @cached_property
    def nested(self) -> dict[str, Definition]:
        """Functions that are defined in the body."""
        return {
            node.name: node
            for node in ast.walk(self.node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node is not self.node
        }

    @cached_property
    def defaults(self) -> dict[str, ast.expr]:
        """Defaults of the parameters that have one."""
        arguments = self.node.args
        by_place = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        found = dict(zip(reversed(by_place), reversed(arguments.defaults), strict=False))
        return found | {
            one.arg: default
            for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        }

    @cached_property
    def _nonlocals(self) -> dict[str, Any]:
        return dict(inspect.getclosurevars(self.function).nonlocals)

    def resolve(self, node: ast.expr | None) -> object:
        """What a dotted name stands for outside the function (closure, module, builtins); None for all else."""
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            if isinstance(owner, ModuleType | type):
                return _unwrapped(getattr(owner, node.attr, None))
            return None
        if not isinstance(node, ast.Name) or self.assigned(node.id) or node.id in self.parameters:
            return None
        for scope in (self._nonlocals, self.function.__globals__, vars(builtins)):
            if node.id in scope:
                return _unwrapped(scope[node.id])
        return None

    def evaluate(self, annotation: ast.expr) -> object:
        """The type that an annotation in the body stands for; None if it cannot be told."""
        try:
            return eval(compile(ast.Expression(annotation), self.file, "eval"), self.function.__globals__)
        except Exception:  # noqa: BLE001  # an annotation in a body need not be importable
            return None


def source_of(function: Callable[..., Any]) -> FunctionSource | None:
    """The source of a Python function; None when there is none to read."""
    plain = _unwrapped(inspect.unwrap(function))
    if not isinstance(plain, FunctionType):
        return None
    file = plain.__code__.co_filename
    try:
        written = Path(file).stat().st_mtime_ns
    except OSError:
        return None
    node = _definitions(file, written).get((plain.__code__.co_name, plain.__code__.co_firstlineno))
    return FunctionSource(plain, node, file) if node is not None else None


def parameters_of(node: Definition) -> tuple[str, ...]:
    """Names of the parameters that can be given by place, then of those by name alone."""
    return tuple(one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def hints_of(thing: Any) -> dict[str, Any]:
    """Annotations of a function or a class, resolved; empty when one of them cannot be."""
    try:
        return typing.get_type_hints(thing)
    except Exception:  # noqa: BLE001  # names that are imported for type checkers alone
        return {}


@lru_cache(maxsize=256)
def _definitions(file: str, written: int) -> dict[tuple[str, int], Definition]:
    try:
        tree = ast.parse(Path(file).read_bytes(), file)
    except (OSError, SyntaxError, ValueError):
        return {}
    return {
        (node.name, min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])): node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _bound(target: ast.expr, value: ast.expr | None) -> list[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Starred):
        return _bound(target.value, None)
    if isinstance(target, ast.Tuple | ast.List):
        values: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(values):
            values = list(value.elts)
        return [pair for one, said in zip(target.elts, values, strict=True) for pair in _bound(one, said)]
    return []


def _unwrapped(value: object) -> object:
    """The function behind an agent."""
    return value.function if isinstance(value, Agent) else value
