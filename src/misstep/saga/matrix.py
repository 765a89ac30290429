"""The failure matrix as a table: one row for each agent and reason, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from misstep.agents.plan import AgentPlan, Plan
from misstep.contracts.failure import REASONS
from misstep.saga.route_words import duration_words, route_words

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
    standby: bool


def matrix_table(plan: Plan) -> list[MatrixRow]:
    """The matrix, agent by agent in the order of the score; then what the engine gives and no row mentions."""
    rows = [
        MatrixRow(name, reason, str(chain), route_words(chain, plan.escalation), declared=True)
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
    return AgentRow(
        agent=agent.name,
        accepts=(" and " if agent.joins else " or ").join(
            one.__contract__.text for one in agent.joins or agent.accepts
        ),
        emits=" or ".join(one.__contract__.text for one in agent.emits),
        budget=duration_words(agent.budget_ms),
        owner=agent.owner,
        effect=effect,
        standby=agent.standby,
    )
