"""Which steps of a case are undone, and in which order: plain functions of its history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from misstep.agents.earlier import may_say
from misstep.agents.plan import AgentPlan, Plan
from misstep.contracts.event import CASES, OK, Step


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step that has to be undone."""

    agent: str
    index: int
    """Of its entry in the history."""
    lost: str = ""
    """Why nobody's code can undo it; empty when it can."""


def steps_to_undo(plan: Plan, history: Sequence[Step]) -> list[StepDone]:
    """The steps of a history that were done and still stand, the last one first.

    Steps of agents that declare neither an undo nor an effect are passed over; so are those declared irreversible. A
    step that an earlier life of the case has undone already is not undone twice.
    """
    undone: Counter[str] = Counter()
    found: list[StepDone] = []
    for index in range(len(history) - 1, -1, -1):
        name, _, _, _, reason = history[index]
        agent, _, beside = name.partition(".")
        if reason != OK:
            continue
        if beside == "undo":
            undone[agent] += 1
        if beside or agent in (CASES, "undo"):
            continue
        if undone[agent]:
            undone[agent] -= 1
            continue
        known = plan.agents.get(agent)
        if known is None:
            found.append(StepDone(agent, index, f"{agent} is no longer in the score of {plan.workflow}"))
        elif known.undo is not None:
            found.append(StepDone(agent, index))
        elif lost := why_it_stands(known):
            found.append(StepDone(agent, index, lost))
    return found


def why_it_stands(agent: AgentPlan) -> str:
    """Why the agent's step cannot be undone although it should be; empty when there is nothing to undo."""
    if agent.undo is not None or not agent.agent.effect or agent.agent.irreversible:
        return ""
    return f"{agent.name} {agent.agent.effect}, and the score declares no undo for it"


def inputs_of(plan: Plan, agent: AgentPlan, history: Sequence[Step]) -> list[Step]:
    """The entries of `history` (all before the step) that the step had accepted: one, or one a branch of a join.

    The newest version that may say what the agent accepts, as when it was handed over. LookupError when there is none.
    """
    wanted = [(contract,) for contract in agent.joins] if agent.joins else [agent.accepts]
    found = []
    for contracts in wanted:
        names = {contract.__contract__.name for contract in contracts}
        for step in reversed(history):
            if step[4] == OK and any(said.__contract__.name in names for said in may_say(plan, step[0])):
                found.append(step)
                break
        else:
            raise LookupError(f"no version before it says {' or '.join(sorted(names))}")
    return found
