"""What agents are given in a rehearsal instead of their databases and models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import UnionType
from typing import Any, NewType, Union, get_args, get_origin

from misstep.agents.plan import AgentPlan
from misstep.agents.provider import type_name
from misstep.agents.wiring import Wiring
from misstep.errors import UsageError
from misstep.saga.rooms import mounted_wiring


class StandIns:
    """The stand-ins of one rehearsal: agents that ask for the same type get the same one."""

    def __init__(self, given: Sequence[object]) -> None:
        """given: stand-ins that a test brings; what they do not cover comes from the mounted project's wiring."""
        self._given = given
        self._made: dict[Any, object] = {}

    def of(self, agent: AgentPlan) -> list[object]:
        """One for each dependency of the agent, in order. UsageError for a dependency without."""
        return [self._find(agent, parameter, kind) for parameter, kind in agent.dependencies]

    def of_undo(self, agent: AgentPlan) -> list[object]:
        """One for each dependency of the agent's undo, in order. UsageError for a dependency without."""
        undo = agent.undo.dependencies if agent.undo is not None else ()
        return [self._find(agent, parameter, kind) for parameter, kind in undo]

    def _find(self, agent: AgentPlan, parameter: str, kind: Any) -> object:
        for one in self._given:
            if fits(one, kind):
                return one
        if kind not in self._made:
            self._made[kind] = self._make(agent, parameter, kind)
        return self._made[kind]

    def _make(self, agent: AgentPlan, parameter: str, kind: Any) -> object:
        provider = self._wiring.provider_of(kind) if self._wiring else None
        if provider is None:
            raise UsageError(
                f"agent {agent.name} needs {parameter}: {type_name(kind)}; give the rehearsal one: "
                "rehearse(..., dependencies=[...])."
            )
        if provider.stand_in is None:
            raise UsageError(
                f"agent {agent.name} needs {parameter}: {type_name(kind)}; give its provider at {provider.where} a "
                "stand_in=, or the rehearsal one: rehearse(..., dependencies=[...])."
            )
        made = provider.stand_in()
        if not fits(made, kind):
            raise UsageError(
                f"{provider.where}: provider {provider.function.__name__}: its stand-in is a {type(made).__name__}, "
                f"which is no {type_name(kind)}; give it one that is."
            )
        return made

    @cached_property
    def _wiring(self) -> Wiring | None:
        return mounted_wiring()


def fits(stand_in: object, kind: Any) -> bool:
    """Can the stand-in be given where this type is asked for? A protocol goes by the names of its members."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return any(fits(stand_in, member) for member in get_args(kind))
    kind = origin or kind
    if kind is Any or not isinstance(kind, type):
        return True  # nothing to go by: Any, a type variable
    if getattr(kind, "_is_protocol", False):
        return all(hasattr(stand_in, name) for name in _members(kind))
    return isinstance(stand_in, kind)


def _members(protocol: type) -> set[str]:
    return {
        name
        for base in protocol.__mro__
        if getattr(base, "_is_protocol", False) and base.__module__ != "typing"
        for name in (*vars(base), *vars(base).get("__annotations__", {}))
        if not name.startswith("_") or name == "__call__"
    }
