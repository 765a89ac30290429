"""Did a rehearsed case go where the score says? The ending is read off the score, and not off what decided it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from misstep.agents.plan import WHEN_SPENT, AgentPlan, Chain, Plan
from misstep.agents.route import DegradeLink, EndingLink, RetryLink, ToLink
from misstep.contracts.event import COMPENSATE, DEAD_LETTER, DEGRADE, ESCALATE, OK, OUTCOMES, TO
from misstep.testing.rehearse import Event, Story

UNDO_FAILED = "undo_failed"


def astray(plan: Plan, agent: AgentPlan, reason: str, story: Story, *, out_of_handoffs: bool) -> str:
    """How a story that came to a cell differs from what the score declares for it; empty: it does not.

    out_of_handoffs: the case had no hand-over left when it came there.
    """
    if sum(event.agent == OUTCOMES for event in story.events) != 1:
        return f"the case has {sum(event.agent == OUTCOMES for event in story.events)} outcomes instead of one"
    if reason == UNDO_FAILED:
        return _left_standing(plan, agent, story)
    event = turn_at(agent.name, reason, story)
    assert event is not None
    route, attempts = declared(agent.chains[reason], out_of_handoffs=out_of_handoffs)
    if event.route != route:
        return f"it went {event.route}, and the score says {route}"
    if event.attempts < attempts and reason != WHEN_SPENT:
        return f"it was tried {event.attempts} times, and the score says {attempts}: the case's time ran out"
    if route.startswith(TO):
        target = route.removeprefix(TO)
        after = story.turns[story.turns.index(event) + 1 :]
        return "" if any(other.agent == target for other in after) else f"{target} never took it over"
    return "" if route == DEGRADE else _ended(plan, agent, event, story)


def turn_at(agent: str, reason: str, story: Story) -> Event | None:
    """The turn, or the undo, with which a story came to a cell; None: it did not."""
    for event in story.events:
        here = event.agent == agent and event.in_undo == (reason == UNDO_FAILED)
        if here and reason in (event.reason, event.degraded):
            return event
    return None


def declared(chain: Chain, *, out_of_handoffs: bool) -> tuple[str, int]:
    """The route that a failure takes in the end, as `ce_route` has it, and the attempts that it takes before."""
    attempts = 1
    for link in chain.links:
        if isinstance(link, RetryLink):
            attempts += link.attempts - 1
        elif isinstance(link, DegradeLink):
            return DEGRADE, attempts
        elif isinstance(link, EndingLink):
            return link.kind, attempts
        elif not out_of_handoffs:
            return f"{TO}{link.agent.name}", attempts
    return chain.ending, attempts


def handed_over(chain: Chain) -> bool:
    """Is there a hand-over in the chain?"""
    return any(isinstance(link, ToLink) for link in chain.links)


def _ended(plan: Plan, agent: AgentPlan, event: Event, story: Story) -> str:
    failing = [agent.name]
    if agent.held_by:
        at_join = turn_at(agent.held_by, event.reason, story)
        if at_join is None or at_join.route != event.route:
            return f"{agent.held_by}, where it is held, did not carry it out"
        failing = list(at_join.evidence.get("failed_in", ()))
        if agent.name not in failing:
            return f"{agent.held_by} carried out the failure of {' and '.join(failing) or 'nobody'} instead"
    ending = next(one for one in story.events if one.agent == OUTCOMES).payload
    if ending["failure_reason"] != event.reason:
        return f"it ended with {ending['failure_reason']}, and not with {event.reason}"
    if event.route == COMPENSATE:
        return _taken_back(plan, failing, story, standing=())
    wanted = {DEAD_LETTER: "dead_lettered", ESCALATE: "escalated"}[event.route]
    if story.outcome != wanted:
        return f"it ended {story.outcome}, and the score says {wanted}"
    if event.route == DEAD_LETTER and not _letters(story, agent.name, event.reason):
        return f"no dead letter of {agent.name} was kept"
    handed_to = plan.escalation
    if event.route == ESCALATE and handed_to not in (None, agent.name) and handed_to not in story.path:
        return f"{handed_to}, who takes escalations, was not asked"
    return ""


def _left_standing(plan: Plan, agent: AgentPlan, story: Story) -> str:
    """A step whose undo fails is left standing, loudly, and stops no other undo."""
    begun = next(event for event in reversed(story.turns) if event.route == COMPENSATE)
    failing = begun.evidence.get("failed_in") if plan.agents[begun.agent].joins else None
    if not _letters(story, agent.name, UNDO_FAILED):
        return f"no dead letter of {agent.name} was kept"
    return _taken_back(plan, failing or [begun.agent], story, standing=(agent.name,))


def _taken_back(plan: Plan, failing: Iterable[str], story: Story, *, standing: Sequence[str]) -> str:
    first = {name for name in failing if plan.agents[name].undo is not None}
    done = [event for event in story.turns if event.reason == OK]
    wanted = Counter([*first, *(event.agent for event in done if plan.agents[event.agent].undo is not None)])
    kept = {event.agent for event in done if _cannot_be_undone(plan.agents[event.agent])}
    for name in standing:
        del wanted[name]
    if Counter(story.undone) != wanted:
        return f"undone was {', '.join(story.undone) or 'nothing'}, and done had been {', '.join(wanted) or 'nothing'}"
    versions = {event.agent: event.version for event in done}
    order = [versions.get(name, 0) for name in story.undone if name not in first]
    if order != sorted(order, reverse=True):
        return f"{', '.join(story.undone)} were not undone in reverse order"
    outcome = "partly_compensated" if kept or standing else "compensated"
    return "" if story.outcome == outcome else f"it ended {story.outcome}, and the score says {outcome}"


def _cannot_be_undone(agent: AgentPlan) -> bool:
    return bool(agent.undo is None and agent.agent.effect and not agent.agent.irreversible)


def _letters(story: Story, agent: str, reason: str) -> bool:
    return any(
        (said := dict(letter.headers)).get("dlq_agent") == agent.encode() and said.get("dlq_reason") == reason.encode()
        for letter in story.dead_letters
    )
