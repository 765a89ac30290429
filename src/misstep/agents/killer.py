"""A message that has killed its process again and again: it is not run, and fails as its agent's bug."""

from __future__ import annotations

from datetime import UTC, datetime

from misstep.agents.decide import AGENT_FAULT
from misstep.agents.inbound import Inbound, Verdict


def killer(inbound: Inbound, agent: str, deaths: int, since_s: int) -> Inbound:
    """The input as one that is not worked on. deaths: processes that died while it ran, the last time alone in its
    process. since_s: when the first death was noticed, in seconds since 1970."""
    inbound.misfit = verdict_on_killer(agent, deaths, since_s)
    inbound.tries.extend([(AGENT_FAULT, 0)] * (deaths - 1))
    return inbound


def verdict_on_killer(agent: str, deaths: int, since_s: int) -> Verdict:
    """Why it is not run."""
    return Verdict(
        reason=AGENT_FAULT,
        detail=f"{deaths} processes died while {agent} ran it, the last one while it ran alone: it killed them",
        evidence={
            "stage": "process",
            "deaths": deaths,
            "first_death_noticed": datetime.fromtimestamp(since_s, UTC).isoformat(timespec="seconds"),
        },
    )
