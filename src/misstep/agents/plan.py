"""What a score comes to, agent by agent: the plan that the worker, `rehearse` and the checks all work from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from misstep.agents.agent import Agent
from misstep.agents.route import Link, RetryLink
from misstep.agents.valve import Valve
from misstep.contracts import Contract
from misstep.contracts.event import CASES, COMPENSATE, DEGRADE, ESCALATE, NEXT, TO

WHEN_SPENT = "handoff_exhausted"


@dataclass(frozen=True, slots=True)
class Chain:
    """What a row of the matrix says for one reason, made total: it always comes to an ending."""

    links: tuple[Link, ...]
    """As declared."""
    ending: str
    """Where the case goes when every link is used up: `dead_letter`, `escalate` or `compensate`."""
    declared: bool = True
    """False for an engine reason that the score does not mention: it has its default route."""

    def __str__(self) -> str:
        shown = " | ".join(map(str, self.links))
        if not self.links:
            return self.ending
        return shown if shown.endswith(self.ending) else f"{shown} | {self.ending}"


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that an agent hears: a topic of the workflow, and by which routes and contracts."""

    agent: str
    """Whose events; `cases` for the producers'."""
    failed: bool
    """The agent's `.failed` topic instead of its own."""
    routes: frozenset[bytes]
    contracts: frozenset[bytes]
    """Names of contracts (`ce_type`) that are for this agent; empty: any."""


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """How an agent's step is taken back."""

    function: Callable[..., Any]
    dependencies: tuple[tuple[str, Any], ...]
    retry: RetryLink


@dataclass(frozen=True)
class AgentPlan:
    """One agent's place in a choreography."""

    name: str
    agent: Agent[Any, Any]
    accepts: tuple[type[Contract], ...]
    joins: tuple[type[Contract], ...]
    emits: tuple[type[Contract], ...]
    dependencies: tuple[tuple[str, Any], ...]
    budget_ms: int
    owner: str
    standby: bool
    chains: Mapping[str, Chain]
    """Every reason that the agent can have, the engine's included."""
    sources: tuple[Source, ...]
    final: frozenset[str]
    """Names of the contracts whose emission ends the case: nobody hears them."""
    reads_cases: bool
    undo: UndoPlan | None = None
    held_by: str = ""
    """The join where this agent's branch of a fork meets the others; what would end the case is held until there."""
    branch: str = ""
    """Name of the contract that its branch brings to the join."""
    fork: str = ""
    """Name of the fork whose branch begins with it."""

    valve: Valve | None = None
    """When it stands still by itself."""

    @property
    def needs(self) -> frozenset[Any]:
        """Types of everything that the agent and its undo depend on."""
        undo = self.undo.dependencies if self.undo is not None else ()
        return frozenset(kind for _, kind in (*self.dependencies, *undo))

    @property
    def uses_steps(self) -> bool:
        """Does its function call `turn.step`? Only then are there checkpoints to look for."""
        return "step" in inspect.unwrap(self.agent.function).__code__.co_names

    @property
    def accepts_names(self) -> frozenset[str]:
        return frozenset(contract.__contract__.name for contract in self.accepts)


@dataclass(frozen=True)
class Plan:
    """One workflow, compiled."""

    workflow: str
    starts: type[Contract]
    deadline_ms: int
    handoffs: int
    agents: Mapping[str, AgentPlan]
    score_hash: str
    """Names this version of the score in `ce_score`: 16 hex digits."""
    escalation: str | None = None
    """The agent that accepts escalations, if there is one."""
    emitters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Contract name -> who emits it (`cases` for the start contract)."""

    @property
    def joins(self) -> tuple[str, ...]:
        """The agents that join branches."""
        return tuple(name for name, agent in self.agents.items() if agent.joins)

    @property
    def compensates(self) -> bool:
        """Can any of its failures take a case back?"""
        return any(chain.ending == COMPENSATE for agent in self.agents.values() for chain in agent.chains.values())

    @property
    def contracts(self) -> tuple[type[Contract], ...]:
        """Every named contract of the workflow, once."""
        seen: dict[str, type[Contract]] = {}
        for contract in (self.starts, *(c for a in self.agents.values() for c in (*a.accepts, *a.emits))):
            identity = contract.__contract__
            seen.setdefault(identity.urn, identity.model)
        return tuple(seen.values())


def sources_of(
    name: str,
    accepts: frozenset[str],
    *,
    standby: bool,
    starts: str,
    emits: Mapping[str, frozenset[str]],
    hands_to: Mapping[str, frozenset[str]],
    escalates: frozenset[str],
    escalated: str,
) -> tuple[Source, ...]:
    """Who an agent hears.

    emits: agent -> names of the contracts that it emits. hands_to: agent -> agents that its routes name.
    escalates: agents with a route to `escalate`. escalated: the name of the escalation contract.
    """
    sources = []
    if not standby and starts in accepts:
        sources.append(Source(CASES, failed=False, routes=frozenset(), contracts=frozenset()))
    for other, emitted in emits.items():
        heard = emitted & accepts
        if heard and not standby and other != name:
            sources.append(
                Source(
                    other,
                    failed=False,
                    routes=frozenset({NEXT.encode(), DEGRADE.encode()}),
                    contracts=frozenset(contract.encode() for contract in heard),
                )
            )
        routes = set()
        if name in hands_to.get(other, ()):
            routes.add(f"{TO}{name}".encode())
        if escalated in accepts and other in escalates and other != name:
            routes.add(ESCALATE.encode())
        if routes:
            sources.append(Source(other, failed=True, routes=frozenset(routes), contracts=frozenset()))
    return tuple(sources)
