"""An undo as the worker runs it: its function, what it depends on, how often it is tried."""

from __future__ import annotations

import inspect
import typing

from misstep.agents.plan import UndoPlan
from misstep.agents.undo import Undo
from misstep.errors import UsageError
from misstep.saga.row import Compensation


def undo_plan(compensation: Compensation) -> UndoPlan:
    """Read an undo's signature. UsageError, naming file and line, when it says nothing usable."""
    function = inspect.unwrap(compensation.function)
    name = compensation.agent.name
    what = f"{compensation.where}: the undo of {name}, {getattr(function, '__name__', function)!s},"
    if not inspect.iscoroutinefunction(function):
        raise UsageError(f"{what} must be `async def`.")
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise UsageError(f"{what} has annotations that cannot be imported: {error}.") from None
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or typing.get_origin(hints.get(parameters[0].name)) is not Undo:
        raise UsageError(f"{what} takes `undo: Undo[Accepted, Emitted]` first.")
    untyped = [parameter.name for parameter in parameters[1:] if parameter.name not in hints]
    if untyped:
        raise UsageError(f"{what} has a parameter {untyped[0]!r} without a type; dependencies are provided by type.")
    dependencies = tuple((parameter.name, hints[parameter.name]) for parameter in parameters[1:])
    return UndoPlan(compensation.function, dependencies, compensation.retry)
