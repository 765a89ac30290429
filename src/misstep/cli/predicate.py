"""What `--good` and `--check` say: is a payload good, bad, or silent about it?"""

from __future__ import annotations

import importlib
import importlib.util
import operator
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import orjson

from misstep.errors import UsageError

_PATH = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
_EXPRESSION = re.compile(rf"\s*({_PATH})\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*")
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Predicate:
    """A question about a payload."""

    text: str
    """As it was asked."""
    judge: Callable[[Any], bool | None]
    """True: good. None: the payload says nothing about it."""
    shown: Callable[[Any], str]
    """What the payload says of it, short."""


def read_expression(text: str) -> Predicate:
    """`points >= 600`, `file.amount == 27500`, `points == total`: a path, a comparison, JSON or another path.

    Dots go into objects, numbers into lists. Sums in quotes, as JSON has decimals, compare as numbers. A payload that
    has no such path says nothing. Raises UsageError.
    """
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--good {text!r} is no comparison; write PATH OP VALUE, as in 'points >= 600' or 'rate.name == \"A\"'."
        )
    path, sign, right = found.groups()
    compare = _OPERATORS[sign]
    try:
        value = orjson.loads(right)
        other = None
    except orjson.JSONDecodeError:
        if re.fullmatch(_PATH, right) is None:
            raise UsageError(f"--good {text!r}: {right} is neither JSON nor a path; put text in quotes.") from None
        value, other = _ABSENT, right

    def judge(payload: Any) -> bool | None:
        left = _at(payload, path)
        against = _at(payload, other) if other is not None else value
        if left is _ABSENT or against is _ABSENT:
            return None
        try:
            return bool(compare(*_alike(left, against)))
        except TypeError:
            return None

    def shown(payload: Any) -> str:
        paths = [one for one in (path, other) if one is not None and _at(payload, one) is not _ABSENT]
        return ", ".join(f"{one} = {_short(_at(payload, one))}" for one in paths)

    return Predicate(text, judge, shown)


def read_check(text: str) -> Predicate:
    """`checks.py:adds_up` or `rooms.agents.credit_decision:is_sound`: a function of the payload, as JSON has it, that
    answers True, False, or None for a payload that says nothing. Raises UsageError."""
    where, _, name = text.rpartition(":")
    if not where or not name.isidentifier():
        raise UsageError(f"--check {text!r} names no function; write FILE.py:function or module:function.")
    function = getattr(_module(where, text), name, None)
    if not callable(function):
        raise UsageError(f"--check {text}: {where} has no function {name}.")

    def judge(payload: Any) -> bool | None:
        try:
            said = function(payload)
        except Exception as error:
            raise UsageError(
                f"--check {text} raised {type(error).__name__}: {error}; let it return None for a payload that it has "
                f"nothing to say about, as this one: {_short(payload)}"
            ) from error
        if said is not None and not isinstance(said, bool):
            raise UsageError(f"--check {text} returned {said!r}; it answers True, False or None.")
        return said

    return Predicate(text, judge, lambda payload: "")


def _module(where: str, text: str) -> ModuleType:
    try:
        if where.endswith(".py"):
            if not Path(where).is_file():
                raise UsageError(f"--check {text}: there is no file {where}.")
            spec = importlib.util.spec_from_file_location("misstep_check", where)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        if "" not in sys.path:
            sys.path.insert(0, "")  # as `python -m` would find it
        return importlib.import_module(where)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a module does when it is imported
        raise UsageError(f"--check {text}: {where} cannot be imported: {type(error).__name__}: {error}") from None


def _at(payload: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(payload, dict) and part in payload:
            payload = payload[part]
        elif isinstance(payload, list) and part.isdigit() and int(part) < len(payload):
            payload = payload[int(part)]
        else:
            return _ABSENT
    return payload


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """The two as numbers when one is a number and the other reads as one."""
    if any(isinstance(one, int | float) and not isinstance(one, bool) for one in (left, right)):
        try:
            return _number(left), _number(right)
        except (InvalidOperation, TypeError):
            return left, right
    return left, right


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return Decimal(str(value))


def _short(value: Any) -> str:
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= 120 else f"{text[:120]}…"
