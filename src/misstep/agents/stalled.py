"""Where a case stands still: which agents have not taken up which of its versions. Plain functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from misstep.agents.plan import Plan
from misstep.bus.topics import Topics
from misstep.contracts.event import CASES, DEGRADE, ESCALATE, NEXT, STOP, TO
from misstep.store.unended import VersionRow

_HELD_ENDINGS = frozenset({"dead_letter", "escalate", "compensate", STOP})


@dataclass(frozen=True, slots=True)
class Pending:
    """A version that an agent has not answered."""

    agent: str
    versions: tuple[VersionRow, ...]
    """One; for a join, one a branch."""


def pending(plan: Plan, topics: Topics, versions: Sequence[VersionRow]) -> list[Pending]:
    """What is not answered in one life of a case. Empty when it has ended, or is being taken back.

    A join that still waits for a branch is not in it: the branch is.
    """
    if any(one.kind in ("undo", "outcome") for one in versions):
        return []
    answered = {(parent, one.agent) for one in versions for parent in one.prev_hashes}
    found: list[Pending] = []
    halves: dict[str, list[VersionRow]] = {}
    for one in versions:
        for agent in _next(plan, topics, one):
            if (one.hash, agent) in answered:
                continue
            if plan.agents[agent].joins:
                halves.setdefault(agent, []).append(one)
            else:
                found.append(Pending(agent, (one,)))
    for join, here in halves.items():
        if len(here) == len(plan.agents[join].joins):
            found.append(Pending(join, tuple(here)))
    return found


def _next(plan: Plan, topics: Topics, one: VersionRow) -> list[str]:
    """The agents that have to answer a version."""
    beside = topics.step_name(one.topic)
    if beside.endswith(".inbox"):
        agent = beside.removesuffix(".inbox")
        return [agent] if agent in plan.agents else []
    if one.kind == "case":
        return [name for name, agent in plan.agents.items() if agent.reads_cases]
    if one.route.startswith(TO):
        target = one.route.removeprefix(TO)
        return [target] if target in plan.agents else []
    sender = plan.agents.get(one.agent)
    if sender is not None and sender.held_by and one.route in _HELD_ENDINGS:
        return [sender.held_by]
    if one.route == ESCALATE:
        return [plan.escalation] if plan.escalation is not None and plan.escalation != one.agent else []
    if one.route not in (NEXT, DEGRADE):
        return []
    return [
        name
        for name, agent in plan.agents.items()
        for source in agent.sources
        if source.agent == one.agent and source.agent != CASES and not source.failed
        if one.contract.encode() in source.contracts
    ]
