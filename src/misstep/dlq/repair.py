"""A repair: a named, pure function from a dead letter's payload to one that may fit its contract."""

from __future__ import annotations

import copy
import hashlib
import inspect
import sys
import traceback
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson

from misstep.errors import UsageError

Payload = dict[str, Any]
MendsPayload = Callable[[Payload], Payload]
MendsBytes = Callable[[bytes], bytes]
F = TypeVar("F", bound=MendsPayload | MendsBytes)

SAID_MAX_CHARS = 300


class CannotRepair(ValueError):
    """A repair that raised, gave something else than a payload, or gave two payloads for one letter."""


@dataclass(frozen=True)
class Repair:
    """One repair of a workflow's room `dlq/`."""

    name: str
    function: Callable[[Any], Any]
    takes_bytes: bool
    """It is given the letter's bytes as they are, readable or not; otherwise the JSON object that they hold."""

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return _where(self.function)

    @cached_property
    def sha256(self) -> str:
        """Of the file that holds it, in hex: what a repair calls stands there too, so a plan sees it change."""
        module = sys.modules.get(self.function.__module__)
        file = getattr(module, "__file__", None)
        source = Path(file).read_bytes() if file else inspect.getsource(self.function).encode()
        return hashlib.sha256(source).hexdigest()

    def apply(self, value: bytes | None, as_json: bytes | None) -> bytes:
        """The repaired value. value: the letter's bytes. as_json: the same as JSON text, where it can be read.

        Raises CannotRepair, in one sentence.
        """
        if self.takes_bytes:
            mended: bytes = self._twice(value or b"", bytes)
            return mended
        if as_json is None:
            raise CannotRepair(
                f"{self.name} takes a payload, and this letter's bytes are none (not JSON, or Avro of an unknown "
                "schema); a repair that takes `bytes` may mend them"
            )
        try:
            payload = orjson.loads(as_json)
        except orjson.JSONDecodeError as error:
            raise CannotRepair(f"{self.name} takes a payload, and this letter is not JSON: {error}") from None
        if not isinstance(payload, dict):
            raise CannotRepair(
                f"{self.name} takes a JSON object, and this letter holds a {type(payload).__name__}; a repair that "
                "takes `bytes` may mend it"
            )
        repaired = self._twice(payload, dict)
        try:
            return orjson.dumps(repaired)
        except (TypeError, ValueError) as error:
            raise CannotRepair(f"{self.name} returned what JSON cannot say: {error}") from None

    def _twice(self, given: Any, wanted: type[Any]) -> Any:
        """What the function returns, both times that it is asked: what it returns once only is nothing to plan on."""
        first, second = (self._once(given, wanted) for _ in range(2))
        if first != second:
            raise CannotRepair(f"{self.name} gave two different payloads for one letter; a repair is a pure function")
        return first

    def _once(self, given: Any, wanted: type[Any]) -> Any:
        try:
            returned = self.function(copy.deepcopy(given))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a project's repair does
            raise CannotRepair(f"{self.name} raised {_said(error)}{self._line_of(error)}") from None
        if not isinstance(returned, wanted):
            raise CannotRepair(f"{self.name} returned {type(returned).__name__}, not {wanted.__name__}")
        return returned

    def _line_of(self, error: BaseException) -> str:
        file = self.function.__code__.co_filename
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename == file:
                return f" (at {Path(file).name}:{frame.lineno})"
        return ""


def repair_of(function: Callable[[Any], Any]) -> Repair:
    """Read a repair off a function: one parameter, annotated `bytes` or `dict`. UsageError when it is not like that."""
    where = _where(function)
    parameters = list(inspect.signature(function).parameters.values())
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"{where}: repair {function.__name__} is async; a repair is a plain, pure function.")
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise UsageError(f"{where}: repair {function.__name__}: {error}; annotations must be importable.") from None
    kind = hints.get(parameters[0].name) if len(parameters) == 1 else None
    if kind is bytes:
        return Repair(function.__name__, function, takes_bytes=True)
    if kind is dict or typing.get_origin(kind) is dict:
        return Repair(function.__name__, function, takes_bytes=False)
    raise UsageError(
        f"{where}: repair {function.__name__} takes one thing, the payload as `dict[str, Any]` or the letter's "
        "`bytes`; write it as `def name(payload: dict[str, Any]) -> dict[str, Any]`."
    )


def _where(function: Callable[..., Any]) -> str:
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _said(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}".strip().rstrip(":")
    return text if len(text) <= SAID_MAX_CHARS else f"{text[:SAID_MAX_CHARS]}…"
