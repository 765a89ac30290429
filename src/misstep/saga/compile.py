"""From a score to the plan that the worker, `rehearse` and the checks work from."""

from __future__ import annotations

from collections.abc import Mapping

from misstep.agents.plan import AgentPlan, Plan, sources_of
from misstep.contracts.event import CASES
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.forks import held_by
from misstep.saga.row import Compensation, Row
from misstep.saga.score_hash import score_hash
from misstep.saga.score_map import ESCALATED, ScoreMap, map_of
from misstep.saga.soundness import unsound
from misstep.saga.undo_plan import undo_plan


def compile_plan(choreography: Choreography) -> Plan:
    """The plan of a score, agents in the order of their rows.

    Raises UsageError, naming the row, for the first thing that keeps it from being one.
    """
    map_ = map_of(choreography)
    for finding in unsound(choreography, map_):
        raise UsageError(str(finding))
    held = held_by(choreography, map_)
    return Plan(
        workflow=choreography.name,
        starts=choreography.starts,
        deadline_ms=choreography.deadline_ms,
        handoffs=choreography.handoffs,
        agents={
            name: _agent_plan(name, row, map_, held, choreography.undos.get(name))
            for name, row in choreography.rows.items()
        },
        score_hash=score_hash(choreography, map_.chains),
        escalation=map_.escalation,
        emitters=map_.emitters,
    )


def _agent_plan(
    name: str,
    row: Row,
    map_: ScoreMap,
    held: Mapping[str, tuple[str, str]],
    compensation: Compensation | None,
) -> AgentPlan:
    signature = row.agent.signature
    join, branch = held.get(name, ("", ""))
    sources = sources_of(
        name,
        map_.accepts[name],
        standby=row.standby,
        starts=map_.starts,
        emits=map_.emits,
        hands_to=map_.hands_to,
        escalates=frozenset(held[agent][0] if agent in held else agent for agent in map_.escalates),
        escalated=ESCALATED,
    )
    return AgentPlan(
        name=name,
        agent=row.agent,
        accepts=signature.accepts,
        joins=signature.joins,
        emits=signature.emits,
        dependencies=signature.dependencies,
        budget_ms=row.agent.budget_ms,
        owner=row.agent.owner,
        standby=row.standby,
        chains=map_.chains[name],
        sources=sources,
        final=map_.final(name),
        reads_cases=any(source.agent == CASES for source in sources),
        undo=undo_plan(compensation) if compensation is not None else None,
        held_by=join,
        branch=branch,
        valve=row.valve,
        fork=row.fork,
    )
