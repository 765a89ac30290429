"""Undos that are forced to fail, as agents are: in a rehearsal, `{agent}.undo` is the name that they go by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

from misstep.agents.failure import Failure
from misstep.agents.plan import Plan
from misstep.contracts.event import OK

UNDO_OF = ".undo"
"""What an agent's name ends with where its undo is meant."""


def with_forced_undos(plan: Plan, forced: Mapping[str, deque[str]]) -> Plan:
    """The plan with undos whose attempts fail as `forced` says, one entry an attempt; `ok` lets one run."""
    agents = dict(plan.agents)
    for name, agent in plan.agents.items():
        reasons = forced.get(f"{name}{UNDO_OF}")
        if reasons and agent.undo is not None:
            agents[name] = replace(agent, undo=replace(agent.undo, function=_failing(agent.undo.function, reasons)))
    return replace(plan, agents=agents)


def _failing(function: Callable[..., Any], reasons: deque[str]) -> Callable[..., Any]:
    @wraps(function)
    async def undo(given: Any, *dependencies: object) -> Any:
        if reasons and (reason := reasons.popleft()) != OK:
            return Failure(reason, "forced by the rehearsal", {"forced": True}, given.agent)
        return await function(given, *dependencies)

    return undo
