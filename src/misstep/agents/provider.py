"""A provider: an async generator that opens one dependency, yields it, and closes it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from misstep.agents.dependency_limits import Breaker, Rate
from misstep.agents.wiring_settings import Settings
from misstep.errors import UsageError


@dataclass(frozen=True, slots=True)
class Provider:
    """What provides one type."""

    provides: Any
    dependency: str
    """The name that `turn.calling` knows it by."""
    needs: tuple[tuple[str, Any], ...]
    """(parameter, type): its settings, and what other providers provide."""
    function: Callable[..., AsyncIterator[Any]]
    breaker: Breaker | None
    rate: Rate | None
    stand_in: Callable[[], object] | None = None
    """Makes what a rehearsal gives the agents instead, fresh for each."""

    @property
    def where(self) -> str:
        return place_of(self.function)

    @property
    def others(self) -> tuple[tuple[str, Any], ...]:
        """What it needs of other providers."""
        return tuple((name, kind) for name, kind in self.needs if not is_settings(kind))


def is_settings(kind: Any) -> bool:
    """Is this type read from the environment, not provided?"""
    return isinstance(kind, type) and issubclass(kind, Settings)


def type_name(kind: Any) -> str:
    """A type as a person would write it."""
    return kind.__qualname__ if isinstance(kind, type) else str(kind)


def place_of(function: Callable[..., Any]) -> str:
    """`file:line` of a function."""
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def read_provider(
    function: Callable[..., AsyncIterator[Any]],
    dependency: str,
    breaker: Breaker | None,
    rate: Rate | None,
    stand_in: Callable[[], object] | None = None,
) -> Provider:
    """A provider as its annotations describe it. UsageError, naming file and line, when they do not."""
    what = f"{place_of(function)}: provider {function.__name__}"
    if not inspect.isasyncgenfunction(function):
        raise UsageError(f"{what} is no async generator; write `async def`, and `yield` what it opened.")
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise UsageError(f"{what}: {error}; annotations must be importable at run time.") from None
    returned = hints.get("return")
    if typing.get_origin(returned) not in (AsyncIterator, AsyncGenerator) or not typing.get_args(returned):
        raise UsageError(f"{what}: annotate what it returns as AsyncIterator[TheType], the type that agents ask for.")
    needs = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in hints:
            raise UsageError(
                f"{what}: parameter {parameter.name!r} has no type; make it a subclass of Settings, or a provided type."
            )
        needs.append((parameter.name, hints[parameter.name]))
    return Provider(typing.get_args(returned)[0], dependency, tuple(needs), function, breaker, rate, stand_in)
