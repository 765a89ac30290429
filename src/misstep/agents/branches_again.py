"""A case that ended at a join, or on a branch before it: what every branch brings to the case's next life.

A join waits for all of its branches in each life of a case anew. Branches that went well are not run again: what they
brought is handed to the join's inbox; branches that failed are run again, from what they had received.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from misstep.agents.earlier import Recall
from misstep.agents.plan import AgentPlan, Plan
from misstep.bus.topics import Topics
from misstep.contracts.event import OK, Step


@dataclass(frozen=True, slots=True)
class Half:
    """What one branch brings."""

    branch: str
    """Name of its contract at the join."""
    inbox: str
    """The agent whose inbox it goes to: the join's, or that of the agent that failed."""
    value: bytes | None
    headers: Mapping[str, bytes]
    """Of the event that it was read from."""
    again: bool
    """The branch had failed, and its agent is run again."""


def join_of(plan: Plan, agent: str) -> AgentPlan | None:
    """The join that this agent is, or whose branch it is on; None when it is on no branch."""
    found = plan.agents.get(agent)
    if found is None:
        return None
    return found if found.joins else plan.agents.get(found.held_by)


def halves(plan: Plan, topics: Topics, join: AgentPlan, steps: Sequence[Step], recall: Recall) -> list[Half]:
    """One half for each branch of the join, in its order. LookupError when one of them is not there any more."""
    return [_half(plan, topics, join, contract.__contract__.name, steps, recall) for contract in join.joins]


def _half(plan: Plan, topics: Topics, join: AgentPlan, branch: str, steps: Sequence[Step], recall: Recall) -> Half:
    for name, _, partition, offset, reason in reversed(steps):
        agent, _, beside = name.partition(".")
        known = plan.agents.get(agent)
        if agent == join.name and beside == "inbox":  # handed over in an earlier life
            value, headers = recall(topics.inbox(agent), partition, offset)
            if headers.get("ce_type") == branch.encode():
                return Half(branch, join.name, value, headers, again=False)
        elif known is None or beside or (known.held_by, known.branch) != (join.name, branch):
            continue
        elif reason != OK:
            value, headers = recall(topics.failed(agent), partition, offset)
            return Half(branch, agent, value, headers, again=True)
        elif any(contract.__contract__.name == branch for contract in known.emits):
            value, headers = recall(topics.agent(agent), partition, offset)
            return Half(branch, join.name, value, headers, again=False)
    raise LookupError(f"no version of this case brings {branch} to {join.name}")
