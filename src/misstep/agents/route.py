"""Routes: where a failure goes. `a | b`: when a is used up, b.

`retry`, `to`, `back_to`, `degrade`, `compensate`, `dead_letter` and `escalate` are what a score is written with. A
route is a chain of links; what a chain comes to in a given moment is decided in `agents/decide.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Never, TypeVar, overload

from misstep.agents.agent import Agent, Takes
from misstep.agents.duration import duration_ms
from misstep.agents.turn import Turn
from misstep.contracts import Contract
from misstep.contracts.event import COMPENSATE, DEAD_LETTER, ESCALATE
from misstep.errors import UsageError

I_ct = TypeVar("I_ct", contravariant=True)
O_co = TypeVar("O_co", covariant=True)
In = TypeVar("In")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class RetryLink:
    """The same agent again, after a wait; used up after `attempts` turns in all, the first one included."""

    attempts: int
    first_ms: int
    cap_ms: int
    varies: str | None

    def __str__(self) -> str:
        return f"retry({self.attempts}{f', varies={self.varies}' if self.varies else ''})"


@dataclass(frozen=True, slots=True)
class ToLink:
    """Another agent; used up after `times` in a case, or when the case's hand-off budget is."""

    agent: Agent[Any, Any]
    times: int | None

    def __str__(self) -> str:
        return f"to({self.agent.name}{f', times={self.times}' if self.times else ''})"


@dataclass(frozen=True, slots=True)
class DegradeLink:
    """A neutral default in the agent's place; the case goes on."""

    value: Contract | Callable[[Turn[Any]], Contract]

    def __str__(self) -> str:
        name = (
            self.value.__contract__.name if isinstance(self.value, Contract) else getattr(self.value, "__name__", "?")
        )
        return f"degrade({name})"


@dataclass(frozen=True, slots=True)
class EndingLink:
    """The case leaves the happy path for good: `compensate`, `dead_letter` or `escalate`."""

    kind: str

    def __str__(self) -> str:
        return self.kind


Link = RetryLink | ToLink | DegradeLink | EndingLink


class Route(Generic[I_ct, O_co]):
    """A chain of links, for an agent that accepts `I_ct` and emits (at least) `O_co`."""

    def __init__(self, *links: Link) -> None:
        self.links = links

    def __or__(self: Route[In, A], then: Route[In, B]) -> Route[In, A | B]:
        return Route(*self.links, *then.links)

    def __str__(self) -> str:
        return " | ".join(map(str, self.links))

    def __repr__(self) -> str:
        return f"Route({self})"


class Retry(Route[object, Never]):
    """A route that begins with retries and takes on the type of what follows."""

    def __or__(self, then: Route[In, A]) -> Route[In, A]:
        return Route(*self.links, *then.links)


def retry(attempts: int, /, *, first: str = "1s", cap: str = "60s", varies: str | None = None) -> Retry:
    """Run the turn again, `attempts` times in all, waiting first, 2 x first, 4 x first ... up to `cap`, with jitter.

    `varies` names what the agent changes from attempt to attempt ("prompt", "model"), by `turn.attempt`.
    """
    if attempts < 1:
        raise UsageError(f"retry({attempts}): the number of attempts counts the first one, so it is at least 1.")
    first_ms, cap_ms = duration_ms(first, what="retry(first=)"), duration_ms(cap, what="retry(cap=)")
    return Retry(RetryLink(attempts, first_ms, max(first_ms, cap_ms), varies))


def to(agent: Takes[In], /, *, times: int | None = None) -> Route[In, Never]:
    """Hand the case over to another agent; used up after `times`, or when the hand-off budget of the case is 0."""
    return Route(_hand_over("to", agent, times))


def back_to(agent: Takes[Any], /, *, times: int | None = None) -> Route[object, Never]:
    """Hand the case back to an agent that accepts an earlier contract: it is given the newest version that fits.

    What `to` refuses, because a type checker cannot know a case's earlier versions; `matrix check` proves that one
    fits.
    """
    return Route(_hand_over("back_to", agent, times))


def _hand_over(verb: str, agent: object, times: int | None) -> ToLink:
    if not isinstance(agent, Agent):
        raise UsageError(f"{verb}({agent!r}): give it the agent itself, the function under @agent.")
    if times is not None and times < 1:
        raise UsageError(f"{verb}({agent.name}, times={times}): at least once, or leave `times` out.")
    return ToLink(agent, times)


@overload
def degrade(value: Callable[[Turn[In]], C], /) -> Route[In, C]: ...
@overload
def degrade(value: C, /) -> Route[object, C]: ...
def degrade(value: Any, /) -> Route[Any, Any]:
    """Go on with a neutral default: a contract's value, or a function that makes one from the turn."""
    if not _makes_a_default(value):
        raise UsageError(f"degrade({value!r}): give it a contract's value, or a function from the turn to one.")
    return Route(DegradeLink(value))


def _makes_a_default(value: object) -> bool:
    return isinstance(value, Contract) or callable(value)


escalate: Route[object, Never] = Route(EndingLink(ESCALATE))
"""Hand the case to a person."""
dead_letter: Route[object, Never] = Route(EndingLink(DEAD_LETTER))
"""Keep the message byte for byte, with why it died, until somebody repairs or discards it."""
compensate: Route[object, Never] = Route(EndingLink(COMPENSATE))
"""Undo, in reverse order, what the case has done."""
