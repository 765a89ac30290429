"""The wiring: where agents' dependencies come from, by type.

A project's `agents/wiring.py` holds one `Wiring` and its providers; the composition root opens what the hosted agents
need and closes it at drain. Environments differ in settings and wiring, never in the matrix.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from misstep.agents.dependency_limits import read_breaker, read_rate
from misstep.agents.opened import Opened
from misstep.agents.plan import Plan
from misstep.agents.provider import Provider, place_of, read_provider, type_name
from misstep.agents.step import CHECKPOINTS
from misstep.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")


class Wiring:
    """The providers of a project."""

    def __init__(self) -> None:
        self._providers: dict[Any, Provider] = {}

    @property
    def dependency_names(self) -> frozenset[str]:
        """The names that `turn.calling` knows."""
        return frozenset(provider.dependency for provider in self._providers.values())

    @property
    def providers(self) -> tuple[Provider, ...]:
        return tuple(self._providers.values())

    def provides(
        self,
        *,
        dependency: str = "",
        breaker: str = "",
        rate: str = "",
        stand_in: Callable[[], object] | None = None,
    ) -> Callable[[Callable[P, AsyncIterator[T]]], Callable[P, AsyncIterator[T]]]:
        """Provide the type that an async generator yields: what it opens before, it closes after its `yield`.

        dependency: its name in `turn.calling`; the function's name, if left out. breaker: "5 failures, 30s". rate:
        "50/s". stand_in: makes what a rehearsal uses instead (`stand_in=InMemoryLedger`), fresh for each; nothing else
        calls it. The generator's parameters are subclasses of Settings, or types that others provide.

        Raises UsageError, naming file and line, for a second provider of a type or a name, text that says nothing, or a
        stand-in that cannot be called.
        """

        def register(function: Callable[P, AsyncIterator[T]]) -> Callable[P, AsyncIterator[T]]:
            what = f"{place_of(function)}: provider {function.__name__}"
            if (dependency or function.__name__) == CHECKPOINTS:
                raise UsageError(
                    f"{what}: {CHECKPOINTS!r} is the dependency of turn.step; give yours another name: dependency=."
                )
            if stand_in is not None and not callable(stand_in):
                raise UsageError(
                    f"{what}: stand_in={stand_in!r} makes none; give it the class, or a function without arguments."
                )
            provider = read_provider(
                function,
                dependency or function.__name__,
                read_breaker(breaker, what=what) if breaker else None,
                read_rate(rate, what=what) if rate else None,
                stand_in,
            )
            for other in self._providers.values():
                if other.provides == provider.provides:
                    raise UsageError(
                        f"{what}: {type_name(other.provides)} is provided at {other.where} already; keep one of them."
                    )
                if other.dependency == provider.dependency:
                    raise UsageError(
                        f"{what}: dependency {provider.dependency!r} is the one at {other.where} already; "
                        "give it another name."
                    )
            self._providers[provider.provides] = provider
            return function

        return register

    def provider_of(self, kind: Any) -> Provider | None:
        """What provides this very type; None when nothing does."""
        return self._providers.get(kind)

    def provider_named(self, dependency: str) -> Provider | None:
        """What `turn.calling` knows by this name; None when nothing is."""
        return next((one for one in self._providers.values() if one.dependency == dependency), None)

    def check(self, plan: Plan) -> None:
        """Is all that the plan's agents need provided? UsageError, naming agent, parameter and type, if not."""
        for agent in plan.agents.values():
            undo = agent.undo.dependencies if agent.undo is not None else ()
            for parameter, kind in (*agent.dependencies, *undo):
                if kind not in self._providers:
                    raise UsageError(
                        f"{agent.agent.where}: agent {agent.name}: nothing provides {parameter}: {type_name(kind)}"
                        f"{self._nearest(kind)}; write a provider of it in agents/wiring.py."
                    )
        self.order({kind for agent in plan.agents.values() for kind in agent.needs})

    def order(self, types: Iterable[Any]) -> list[Provider]:
        """The providers of these types and of all that they need, each after what it needs.

        Raises UsageError for a type that nothing provides, and for providers that need each other.
        """
        ordered: dict[Any, Provider] = {}

        def place(kind: Any, asked_by: str, path: tuple[Any, ...]) -> None:
            if kind in path:
                circle = " -> ".join(type_name(step) for step in (*path[path.index(kind) :], kind))
                raise UsageError(f"{asked_by} needs itself to be opened first ({circle}); take one of them out.")
            if kind in ordered:
                return
            provider = self._providers.get(kind)
            if provider is None:
                raise UsageError(
                    f"{asked_by} needs {type_name(kind)}, which nothing provides{self._nearest(kind)}; "
                    "write a provider of it in agents/wiring.py."
                )
            for name, needed in provider.others:
                place(needed, f"{provider.where}: provider {provider.function.__name__}, {name},", (*path, kind))
            ordered[kind] = provider

        for kind in sorted(types, key=type_name):
            place(kind, "the worker", ())
        return list(ordered.values())

    async def open(self, types: Iterable[Any]) -> Opened:
        """Open what provides these types. Its `instances` are by type; `close` closes them in reverse order.

        Raises UsageError or ServerUnreachable, naming the provider, when one does not open; nothing stays open then.
        """
        opened = Opened(self.order(types))
        await opened.ready()
        return opened

    def _nearest(self, kind: Any) -> str:
        for provided in self._providers:
            if isinstance(kind, type) and isinstance(provided, type) and provided.__name__ == kind.__name__:
                return f" (there is another {kind.__name__}, of {provided.__module__})"
            if isinstance(kind, type) and isinstance(provided, type) and kind in provided.__mro__:
                return f" ({provided.__qualname__} is one: annotate its provider as AsyncIterator[{kind.__name__}])"
        return ""
