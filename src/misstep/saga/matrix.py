"""The failure matrix as a table: one row for each agent and reason, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from misstep.agents.plan import AgentPlan, Plan
from misstep.contracts.failure import REASONS
from misstep.saga.route_words import duration_words, route_words, tried_words

EVERY_AGENT = "every agent"
EVERY_OTHER = "every other agent"


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """What becomes of a case that fails with one reason at one agent."""

    agent: str
    """Its name; `every agent` or `every other agent` for a default that no row mentions."""
    reason: str
    route: str
    """As the score writes it: `retry(3) | to(extract_fallback) | dead_letter`."""
    words: str
    declared: bool
    """False for the default route of a reason that the engine gives."""


@dataclass(frozen=True, slots=True)
class AgentRow:
    """What an agent is in the score."""

    agent: str
    accepts: str
    emits: str
    budget: str
    owner: str
    effect: str
    undone_by: str
    """The undo, and how often it is tried; empty: there is none."""
    standby: bool
    valve: str
    """When it stands still by itself; empty: never."""
    fork: str
    """The fork whose branch begins with it; empty: none does."""
    joins: str
    """What it puts together, as `a + b`; empty: it is no join."""
    held_by: str
    """The join at which whatever would end the case here is carried out; empty: it ends here."""


def matrix_table(plan: Plan) -> list[MatrixRow]:
    """The matrix, agent by agent in the order of the score; then what the engine gives and no row mentions."""
    rows = [
        MatrixRow(name, reason, str(chain), route_words(chain, plan.escalation, agent.held_by), declared=True)
        for name, agent in plan.agents.items()
        for reason, chain in agent.chains.items()
        if chain.declared
    ]
    for reason in REASONS:
        by_default = [
            agent.chains[reason]
            for agent in plan.agents.values()
            if reason in agent.chains and not agent.chains[reason].declared
        ]
        if by_default:
            who = EVERY_AGENT if len(by_default) == len(plan.agents) else EVERY_OTHER
            chain = by_default[0]
            rows.append(MatrixRow(who, reason, str(chain), route_words(chain, plan.escalation), declared=False))
    return rows


def agents_table(plan: Plan) -> list[AgentRow]:
    """The agents, in the order of the score."""
    return [_agent_row(agent) for agent in plan.agents.values()]


def forks_in_words(plan: Plan) -> list[str]:
    """Where the ways of a case part, and where they meet again: a sentence for each fork."""
    forks: dict[str, list[AgentPlan]] = {}
    for agent in plan.agents.values():
        if agent.fork:
            forks.setdefault(agent.fork, []).append(agent)
    return [
        f"Fork `{name}`: {_and(f'`{branch.name}`' for branch in branches)} each take the case at once, and "
        f"`{branches[0].held_by}` joins what they say; what would end the case on the way is held until there."
        for name, branches in forks.items()
    ]


def matrix_json(plan: Plan) -> dict[str, object]:
    """All of it, as `misstep matrix show --json` prints it."""
    return {
        "workflow": plan.workflow,
        "score": plan.score_hash,
        "starts": plan.starts.__contract__.text,
        "deadline_ms": plan.deadline_ms,
        "handoffs": plan.handoffs,
        "escalation": plan.escalation,
        "agents": [asdict(row) for row in agents_table(plan)],
        "matrix": [asdict(row) for row in matrix_table(plan)],
    }


def _agent_row(agent: AgentPlan) -> AgentRow:
    effect = agent.agent.effect
    if agent.agent.irreversible:
        effect += f" (irreversible: {agent.agent.irreversible})"
    joins = " + ".join(one.__contract__.text for one in agent.joins)
    return AgentRow(
        agent=agent.name,
        accepts=f"joins {joins}" if joins else " or ".join(one.__contract__.text for one in agent.accepts),
        emits=" or ".join(one.__contract__.text for one in agent.emits),
        budget=duration_words(agent.budget_ms),
        owner=agent.owner,
        effect=effect,
        undone_by=_undone_by(agent),
        standby=agent.standby,
        valve=str(agent.valve or ""),
        fork=agent.fork,
        joins=joins,
        held_by=agent.held_by,
    )


def _undone_by(agent: AgentPlan) -> str:
    if agent.undo is None:
        return ""
    return f"`{getattr(agent.undo.function, '__name__', '?')}`, {tried_words(agent.undo.retry)}"


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
