"""A score with every pattern taken out: the same agents, and each failure ends its case."""

from __future__ import annotations

from datetime import timedelta

from misstep.agents.route import dead_letter
from misstep.contracts.failure import REASONS
from misstep.saga.choreography import Choreography

WHY = "no patterns: what comes of a chain of agents that nobody thought about"


def without_patterns(score: Choreography, name: str) -> Choreography:
    """The agents of `score` that hear the happy path, in a score called `name` that dead-letters every failure.

    Agents on standby have no row: nothing is handed to them.
    """
    bare = Choreography(
        name,
        starts=score.starts,
        deadline=timedelta(milliseconds=score.deadline_ms),
        handoffs=0,
        otherwise=dict.fromkeys((reason for reason in REASONS if reason != "ok"), dead_letter),
    )
    for row in score.rows.values():
        if not row.standby:
            own = dict.fromkeys((reason for reason in row.routes if reason not in REASONS), dead_letter)
            bare.on(row.agent, waive=WHY, fork=row.fork, own=own)
    return bare
