"""What an agent's source says: the reasons it can fail with, read without running it.

Followed are the turn under whatever name (`t = turn`), helper functions that it is given to, `Failure("x", ...)`, and
reasons that are constants, choices of constants, or typed as Literal. What cannot be followed is told as such.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from misstep.agents.agent import Agent
from misstep.agents.failure import Failure
from misstep.contracts import Contract
from misstep.saga.function_source import FunctionSource, parameters_of, source_of
from misstep.saga.literal_values import Values, literal_values

DEPTH_MAX = 12


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that the source says, and where."""

    what: str
    where: str


@dataclass
class Reading:
    """What one agent's source says."""

    reasons: list[Said] = field(default_factory=list)
    """Reasons given to `turn.fail` or `Failure`."""
    unreadable: list[Said] = field(default_factory=list)
    """Reasons that are no literals, as they are written."""
    calls: list[Said] = field(default_factory=list)
    """Names given to `turn.calling`; empty text for one that is no literal."""
    steps: list[Said] = field(default_factory=list)
    """Names given to `turn.step`; empty text for one that is no literal."""
    earlier: list[tuple[type[Contract], str]] = field(default_factory=list)
    """Contracts given to `turn.earlier`, and where."""
    unfollowed: list[Said] = field(default_factory=list)
    """Functions that the turn is given to and whose source cannot be read."""

    @property
    def whole(self) -> bool:
        """Could all of it be followed?"""
        return not self.unreadable and not self.unfollowed


def read_agent(agent: Agent[Any, Any]) -> Reading:
    """Read an agent's function and what it hands its turn to."""
    reading = Reading()
    _Reader(reading).read(agent.function, {0})
    return reading


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._read: set[tuple[object, frozenset[object], frozenset[tuple[str, Values]]]] = set()

    def read(
        self,
        function: Callable[..., Any],
        turns: set[int | str],
        given: Mapping[str, Values] | None = None,
        depth: int = 0,
    ) -> None:
        """Read a function whose parameters `turns` (by place or name) are the turn; a second time it is skipped."""
        source = source_of(function)
        given = given or {}
        if source is None or depth > DEPTH_MAX:
            return
        known = (source.code, frozenset(turns), frozenset(given.items()))
        if known in self._read:
            return
        self._read.add(known)
        names = {name for place, name in enumerate(source.parameters) if place in turns or name in turns}
        _Function(self, self._reading, source, names, given, depth).read()


class _Function:
    """One function, read with what its parameters are known to be."""

    def __init__(
        self,
        reader: _Reader,
        reading: Reading,
        source: FunctionSource,
        turns: set[str],
        given: Mapping[str, Values],
        depth: int,
    ) -> None:
        self._reader = reader
        self._reading = reading
        self._source = source
        self._given = given
        self._depth = depth
        self._turns = self._aliases(turns, lambda value, known: isinstance(value, ast.Name) and value.id in known)
        self._fails = self._aliases(set(), lambda value, known: self._is_method(value, "fail", known))

    def read(self) -> None:
        for node in ast.walk(self._source.node):
            if isinstance(node, ast.Call):
                self._call(node)

    def _aliases(self, names: set[str], is_one: Callable[[ast.expr | None, set[str]], bool]) -> set[str]:
        """All names that something goes by: given another by assignment, or as a parameter of a nested function."""
        names = set(names)
        bindings = [*self._source.assignments, *self._given_to_nested()]
        before = -1
        while before != len(names):
            before = len(names)
            names |= {target for target, value in bindings if is_one(value, names)}
        return names

    def _given_to_nested(self) -> list[tuple[str, ast.expr | None]]:
        nested = self._source.nested
        found: list[tuple[str, ast.expr | None]] = []
        for call in ast.walk(self._source.node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in nested:
                found += zip(parameters_of(nested[call.func.id]), call.args, strict=False)
                found += [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
        return found

    def _is_turn(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Starred):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._turns

    def _is_method(self, node: ast.expr | None, name: str, known: set[str] | None = None) -> bool:
        if isinstance(node, ast.Name):
            return known is not None and node.id in known
        return isinstance(node, ast.Attribute) and node.attr == name and self._is_turn(node.value)

    def _call(self, call: ast.Call) -> None:
        callee = call.func
        if self._is_method(callee, "fail", self._fails):
            self._fail(call, "reason")
        elif self._is_method(callee, "calling"):
            name = self._values(_argument(call, "dependency"))
            self._reading.calls += [Said(said, self._at(call)) for said in sorted(name or {""})]
        elif self._is_method(callee, "earlier"):
            contract = self._source.resolve(_argument(call, "contract"))
            if isinstance(contract, type) and issubclass(contract, Contract):
                self._reading.earlier.append((contract, self._at(call)))
        elif self._is_method(callee, "step"):
            step = self._values(_argument(call, "name"))
            self._reading.steps += [Said(said, self._at(call)) for said in sorted(step or {""})]
            self._hand_on(call, self._source.resolve(call.args[1] if len(call.args) > 1 else None), call.args[2:])
        else:
            found = self._source.resolve(callee)
            if isinstance(found, type) and issubclass(found, Failure):
                self._fail(call, "reason")
            else:
                self._hand_on(call, found, call.args)

    def _fail(self, call: ast.Call, parameter: str) -> None:
        reason = _argument(call, parameter)
        if reason is None:
            return
        values = self._values(reason)
        if values is None:
            self._reading.unreadable.append(Said(ast.unparse(reason), self._at(call)))
        else:
            self._reading.reasons += [Said(value, self._at(call)) for value in sorted(values)]

    def _hand_on(self, call: ast.Call, callee: object, arguments: Sequence[ast.expr]) -> None:
        """Follow a call of a function: with the turn wherever it lives, without it inside the project."""
        turns: set[int | str] = {place for place, argument in enumerate(arguments) if self._is_turn(argument)}
        turns |= {keyword.arg for keyword in call.keywords if keyword.arg and self._is_turn(keyword.value)}
        ours = isinstance(callee, FunctionType) and _same_project(self._source.function, callee)
        if not turns and not ours:
            return
        if not ours:  # functools.partial(helper, turn), asyncio.to_thread(helper, turn) and their like
            handed = [(place, self._source.resolve(argument)) for place, argument in enumerate(arguments)]
            functions = [(place, value) for place, value in handed if isinstance(value, FunctionType)]
            if len(functions) == 1:
                place, function = functions[0]
                self._hand_on(call, function, arguments[place + 1 :])
                return
        follows = source_of(callee) if isinstance(callee, FunctionType) else None
        if follows is not None:
            self._reader.read(follows.function, turns, self._parameters(follows, call, arguments), self._depth + 1)
        elif turns and not _is_harmless(callee) and not self._is_nested(call.func):
            self._reading.unfollowed.append(Said(ast.unparse(call.func), self._at(call)))

    def _parameters(self, callee: FunctionSource, call: ast.Call, arguments: Sequence[ast.expr]) -> dict[str, Values]:
        """What the parameters of a called function are known to be."""
        written: dict[str, ast.expr] = dict(zip(callee.parameters, arguments, strict=False))
        written |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        known = {name: self._values(value) for name, value in written.items()}
        unpacked = any(isinstance(one, ast.Starred) for one in arguments) or any(not one.arg for one in call.keywords)
        if not unpacked:
            known |= {
                name: literal_values(default, callee, {})
                for name, default in callee.defaults.items()
                if name not in written
            }
        return {name: values for name, values in known.items() if values is not None}

    def _is_nested(self, callee: ast.expr) -> bool:
        return isinstance(callee, ast.Name) and callee.id in self._source.nested

    def _values(self, node: ast.expr | None) -> Values | None:
        return literal_values(node, self._source, self._given)

    def _at(self, node: ast.expr) -> str:
        return f"{self._source.file}:{node.lineno}"


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _is_harmless(callee: object) -> bool:
    """Builtins that only look at what they are given."""
    return callee in (print, repr, str, id, type, isinstance, hasattr, getattr, vars, dir, len)


def _same_project(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    return one.__module__.partition(".")[0] == other.__module__.partition(".")[0]
