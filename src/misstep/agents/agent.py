"""`@agent`: a function becomes an independent consumer. Its signature is its declaration."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, Union, get_args, overload

from misstep.agents.duration import duration_ms
from misstep.agents.failure import Failure
from misstep.agents.turn import Turn
from misstep.contracts import Contract
from misstep.errors import UsageError

I_ct = TypeVar("I_ct", contravariant=True)
In = TypeVar("In")
Res = TypeVar("Res")
P = ParamSpec("P")

WhenOpen = Literal["fail_fast", "pause"]
"""What an agent does while the circuit of one of its dependencies is open."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Signature:
    """What an agent accepts, emits, fails with and depends on, read off its annotations."""

    accepts: tuple[type[Contract], ...]
    """One contract; several for a union (either)."""
    joins: tuple[type[Contract], ...]
    """The branches of a join, in order; empty for an agent that joins nothing."""
    emits: tuple[type[Contract], ...]
    fails: tuple[str, ...]
    """The reasons that it names itself."""
    dependencies: tuple[tuple[str, Any], ...]
    """(parameter, type) of everything after the turn, in order."""


class Takes(Generic[I_ct]):
    """Something that a case whose newest payload is `I_ct` can be handed to."""


class Agent(Takes[In], Generic[In, Res]):
    """An agent: a function with a budget, an owner and a declared effect."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        budget_ms: int,
        owner: str,
        blocking: bool,
        effect: str,
        irreversible: str,
        raises: Mapping[type[Exception], str],
        when_open: WhenOpen = "fail_fast",
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.budget_ms = budget_ms
        self.owner = owner
        self.blocking = blocking
        self.effect = effect
        self.irreversible = irreversible
        self.raises = dict(raises)
        self.when_open: WhenOpen = when_open
        self.is_async = inspect.iscoroutinefunction(function)
        self.__doc__ = function.__doc__
        self.__name__ = self.name
        self.__module__ = function.__module__
        self.__wrapped__ = function
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"{self.where}: an agent's name is lower case letters, digits and _; {self.name!r} is not."
            )
        if blocking and self.is_async:
            raise UsageError(f"{self.where}: an async agent cannot be blocking=True; leave one of the two out.")
        if when_open not in get_args(WhenOpen):
            raise UsageError(
                f"{self.where}: agent {self.name}: when_open={when_open!r} says nothing; write "
                'when_open="fail_fast" or when_open="pause".'
            )

    @property
    def where(self) -> str:
        """File and line of the function, for messages."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"

    @cached_property
    def signature(self) -> Signature:
        """What the annotations say. UsageError, naming file and line, when they say nothing usable."""
        return _read_signature(self)

    def __repr__(self) -> str:
        return f"<agent {self.name}>"


class Plain(Agent[In, Res], Generic[In, Res, P]):
    """An agent whose function is plain."""

    def __call__(self, turn: Turn[In], /, *args: P.args, **kwargs: P.kwargs) -> Res:
        return self.function(turn, *args, **kwargs)  # type: ignore[no-any-return]


class Async(Agent[In, Res], Generic[In, Res, P]):
    """An agent whose function is `async`."""

    def __call__(self, turn: Turn[In], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, Res]:
        return self.function(turn, *args, **kwargs)  # type: ignore[no-any-return]


class _Decorator:
    def __init__(self, **options: Any) -> None:
        self._options = options

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[Turn[In], P], Coroutine[Any, Any, Res]], /
    ) -> Async[In, Res, P]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Turn[In], P], Res], /) -> Plain[In, Res, P]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        kind = Async if inspect.iscoroutinefunction(function) else Plain
        return kind(function, **self._options)


def agent(
    *,
    budget: str,
    owner: str = "",
    blocking: bool = False,
    effect: str = "",
    irreversible: str = "",
    raises: Mapping[type[Exception], str] | None = None,
    when_open: WhenOpen = "fail_fast",
) -> _Decorator:
    """Make an agent of a function `(turn: Turn[A], dependency: D, ...) -> B | Failure[Literal["reason"]]`.

    budget: time for one attempt ("2s"); over it the turn is a `latency_blow`.
    owner: who is told when it fails by a bug.
    blocking: a plain function that waits (files, drivers without async): it runs in a thread of its own.
    effect: what it changes outside Kafka; then the score says how that is undone.
    irreversible: why its effect cannot be undone.
    raises: exception types and the declared reasons that they mean.
    when_open: what it does while the circuit of a dependency that it asks for is open. "fail_fast": its turns fail with
    `model_down` at once, and take that route. "pause": it stands still, its cases wait in Kafka, and it goes on with
    the call that tries the dependency out; turns that are under way wait for the circuit inside `turn.calling` (those
    of a blocking agent give their thread back, and begin again). Neither the waiting nor the trying out is an attempt,
    and the turn's budget stands still; with the case's deadline it ends, as `model_down`.
    """
    return _Decorator(
        budget_ms=duration_ms(budget, what="budget"),
        owner=owner,
        blocking=blocking,
        effect=effect,
        irreversible=irreversible,
        raises=raises or {},
        when_open=when_open,
    )


def _read_signature(agent: Agent[Any, Any]) -> Signature:
    function = inspect.unwrap(agent.function)
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise UsageError(
            f"{agent.where}: agent {agent.name}: {error}; annotations must be importable at run time."
        ) from None
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise UsageError(f"{agent.where}: agent {agent.name} takes no turn; write `def {agent.name}(turn: Turn[...])`.")
    turn_hint = hints.get(parameters[0].name)
    if typing.get_origin(turn_hint) is not Turn:
        raise UsageError(f"{agent.where}: agent {agent.name}: annotate its first parameter as Turn[YourContract].")
    (accepted,) = typing.get_args(turn_hint)
    joins: tuple[type[Contract], ...] = ()
    if typing.get_origin(accepted) is tuple:
        joins = tuple(_contract(agent, branch, "joins") for branch in typing.get_args(accepted))
        accepts = joins
    else:
        accepts = tuple(_contract(agent, member, "accepts") for member in _members(accepted))
    if "return" not in hints:
        raise UsageError(f"{agent.where}: agent {agent.name} has no return annotation; say which contract it emits.")
    emits: list[type[Contract]] = []
    fails: list[str] = []
    for member in _members(hints["return"]):
        if member is Failure or typing.get_origin(member) is Failure:
            fails += _reasons(agent, member)
        else:
            emits.append(_contract(agent, member, "emits"))
    fails += [reason for reason in agent.raises.values() if reason not in fails]
    dependencies = []
    for parameter in parameters[1:]:
        if parameter.name not in hints:
            raise UsageError(
                f"{agent.where}: agent {agent.name}: parameter {parameter.name!r} has no type; "
                "dependencies are provided by their type."
            )
        dependencies.append((parameter.name, hints[parameter.name]))
    return Signature(accepts, joins, tuple(emits), tuple(dict.fromkeys(fails)), tuple(dependencies))


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(inner for member in typing.get_args(hint) for inner in _members(member))
    return (hint,)


def _contract(agent: Agent[Any, Any], hint: Any, verb: str) -> type[Contract]:
    if not (isinstance(hint, type) and issubclass(hint, Contract)):
        raise UsageError(f"{agent.where}: agent {agent.name} {verb} {hint!r}, which is no Contract.")
    return hint


def _reasons(agent: Agent[Any, Any], hint: Any) -> list[str]:
    arguments = typing.get_args(hint)
    reasons: list[str] = []
    for member in _members(arguments[0]) if arguments else ():
        if typing.get_origin(member) is not Literal:
            break
        reasons += typing.get_args(member)
    if not reasons or not all(isinstance(reason, str) for reason in reasons):
        raise UsageError(
            f'{agent.where}: agent {agent.name}: name its reasons, Failure[Literal["rubric_fail", ...]]; '
            f"{hint!r} names none."
        )
    return reasons
