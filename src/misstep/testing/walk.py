"""`walk`: every cell of the failure matrix, forced in rehearsals over example cases.

It shows that each declared failure goes where the score says: handed over, gone on, held until a join, taken back,
ended. It does not stand in for a test on the broker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from misstep.agents.plan import AgentPlan, Plan
from misstep.contracts import Contract
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.compile import compile_plan
from misstep.testing.declared_ending import UNDO_FAILED, astray, turn_at
from misstep.testing.rehearse import Story, rehearse
from misstep.testing.ways import Forced, forced, why_not_forced

Case = Contract | bytes | Mapping[str, Any]
Cell = tuple[str, str]
"""An agent's name and a reason."""


@dataclass
class Walk:
    """Which cells (agent, reason) were walked. Every cell of the matrix is in exactly one of the three."""

    workflow: str
    walked: dict[Cell, Story] = field(default_factory=dict)
    """With the story of the first case that came to it."""
    missed: dict[Cell, str] = field(default_factory=dict)
    """With why no example came to it, or how it went where the score does not say."""
    beyond: dict[Cell, str] = field(default_factory=dict)
    """With why no turn, and no undo, can come to it."""

    def __str__(self) -> str:
        total = len(self.walked) + len(self.missed)
        lines = [f"{self.workflow}: {len(self.walked)} of {total} cells walked"]
        rows = [(*cell, _went(cell, story)) for cell, story in self.walked.items()]
        rows += [(*cell, f"MISSED: {why}") for cell, why in self.missed.items()]
        agents = max((len(agent) for agent, _, _ in rows), default=0)
        reasons = max((len(reason) for _, reason, _ in rows), default=0)
        return "\n".join(lines + [f"  {agent:{agents}}  {reason:{reasons}}  {text}" for agent, reason, text in rows])


def walk(choreography: Choreography | Plan, examples: Iterable[Case], *, dependencies: Iterable[object] = ()) -> Walk:
    """Force every cell of the matrix over the example cases: `assert not walk(invoice, receipts).missed`.

    A cell is walked when a case came to its agent, failed there with its reason until the retries were used up, and
    went on or ended as the score says: with one outcome, the dead letter, the undos in their order. A failure on a
    branch of a fork is followed to its join. `undo_failed` is walked by failing the agent's undo. For each cell the
    examples are tried in turn until one comes to it; an agent on standby is reached by forcing whoever hands over to
    it. Give examples that take every branch of the happy path.
    dependencies: as `rehearse` takes them.

    Raises UsageError for no examples, or a dependency without a stand-in.
    """
    plan = choreography if isinstance(choreography, Plan) else compile_plan(choreography)
    cases, given = list(examples), list(dependencies)
    if not cases:
        raise UsageError(f"walk({plan.workflow}): there are no examples; give it one case at least.")
    result = Walk(plan.workflow)
    rehearsals = 0
    for agent in plan.agents.values():
        for reason in agent.chains:
            cell, what_came = (agent.name, reason), ""
            if why := why_not_forced(plan, agent, reason):
                result.beyond[cell] = why
                continue
            for way, case in _tries(forced(plan, *cell), cases):
                rehearsals += 1
                story = rehearse(
                    plan if way.handoffs is None else replace(plan, handoffs=way.handoffs),
                    case,
                    force=way.force,
                    dependencies=given,
                    case_id=f"walk-{rehearsals}",  # stand-ins that are shared tell the cases apart
                )
                why = _why_not_walked(plan, agent, reason, story, way)
                if not why:
                    result.walked[cell] = story
                    break
                what_came = what_came or why
            else:
                result.missed[cell] = what_came or "nothing hands a case to this agent"
    return result


def _tries(ways: Iterator[Forced], cases: Sequence[Case]) -> Iterator[tuple[Forced, Case]]:
    return ((way, case) for way in ways for case in cases)


def _why_not_walked(plan: Plan, agent: AgentPlan, reason: str, story: Story, way: Forced) -> str:
    if turn_at(agent.name, reason, story) is None:
        return _what_came(agent, reason, story)
    return astray(plan, agent, reason, story, out_of_handoffs=way.handoffs is not None)


def _what_came(agent: AgentPlan, reason: str, story: Story) -> str:
    if reason == UNDO_FAILED and agent.name in story.path:
        return f"it was not taken back; the case ended {story.outcome}"
    for event in story.turns:
        if event.agent == agent.name:
            said = f": {event.detail}" if event.detail else ""
            return f"it came to {event.reason} instead{said}"
    if not story.turns:
        return "no agent took the case"
    last = story.turns[-1]
    said = f": {last.detail}" if last.detail else ""
    return f"no example came to {agent.name}; the first one ended at {last.agent} ({last.reason}{said})"


def _went(cell: Cell, story: Story) -> str:
    event = turn_at(*cell, story)
    assert event is not None
    after = f" after {event.attempts} attempts" if event.attempts > 1 else ""
    if event.in_undo:
        return f"left as it is{after}; {story.outcome}"
    return f"{event.route}{after}; {story.outcome or 'not ended'}"
