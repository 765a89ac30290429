"""How a case is brought to an agent, and a cell of the matrix is forced: what `walk` asks of `rehearse`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from misstep.agents.plan import WHEN_SPENT, AgentPlan, Chain, Plan
from misstep.agents.route import EndingLink, RetryLink, ToLink
from misstep.contracts.event import CASES, COMPENSATE, ESCALATE
from misstep.testing.declared_ending import UNDO_FAILED, declared, handed_over
from misstep.testing.forced_undos import UNDO_OF

WAYS_MAX = 32


@dataclass(frozen=True, slots=True)
class Way:
    """What is forced so that a case comes somewhere."""

    force: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Agent -> the reasons that its attempts fail with."""
    handoffs: int = 0
    """Hand-overs that it takes."""

    def failing(self, agent: str, reason: str, times: int, *, handoffs: int = 0) -> Way:
        """The same way, with an agent failing on it."""
        return Way({**self.force, agent: (reason,) * times}, self.handoffs + handoffs)


@dataclass(frozen=True, slots=True)
class Forced:
    """One rehearsal that should walk a cell."""

    force: Mapping[str, tuple[str, ...]]
    handoffs: int | None = None
    """The case's hand-off budget; None: the score's."""


def ways_to(plan: Plan, agent: str) -> list[Way]:
    """Ways to an agent, those with the fewest failures first: the happy path, unless it is on standby."""
    found: list[Way] = []
    for way in _ways(plan, agent, frozenset({agent})):
        if way not in found:
            found.append(way)
    return sorted(found, key=lambda way: len(way.force))


def _ways(plan: Plan, agent: str, passed: frozenset[str]) -> list[Way]:
    ways: list[Way] = []
    for source in plan.agents[agent].sources:
        if source.agent == CASES:
            ways.append(Way())
            continue
        if source.agent in passed:
            continue
        before = _ways(plan, source.agent, passed | {source.agent})
        if not source.failed:
            ways += before
            continue
        ways += _by_failing(plan.agents[source.agent], agent, before)
        for held in plan.agents.values():
            if held.held_by == source.agent and held.name not in passed:  # the join carries its branches' failures out
                ways += _by_failing(held, agent, _ways(plan, held.name, passed | {held.name}))
    return ways[:WAYS_MAX]  # in a score where everybody hands over to everybody they are beyond number


def _by_failing(source: AgentPlan, target: str, before: list[Way]) -> list[Way]:
    """The ways to an agent, and on by its failures to another one."""
    return [
        way.failing(source.name, reason, times, handoffs=_hands_over(chain, target))
        for reason, chain in source.chains.items()
        if can_fail_with(source, reason) and (times := _attempts_until(chain, target))
        for way in before
    ]


def can_fail_with(agent: AgentPlan, reason: str) -> bool:
    """Can an attempt of this agent be made to fail with this reason itself?"""
    return reason in agent.agent.signature.fails or reason not in (WHEN_SPENT, UNDO_FAILED)


def forced(plan: Plan, agent: str, reason: str) -> Iterator[Forced]:
    """The rehearsals, likeliest first, that take a case to the agent and its failure to the end of its retries."""
    there = plan.agents[agent]
    if reason == UNDO_FAILED:
        yield from _undos_failing(plan, there)
    elif can_fail_with(there, reason):
        for way in ways_to(plan, agent):
            yield Forced(way.failing(agent, reason, _attempts(there.chains[reason])).force)
    else:
        for handing_over, chain in _left_by_handing_over(there):
            for way in ways_to(plan, agent):
                yield Forced(way.failing(agent, handing_over, _attempts(chain)).force, way.handoffs)


def why_not_forced(plan: Plan, agent: AgentPlan, reason: str) -> str:
    """Why no turn of the agent, and no undo, can come to this reason; empty when one can."""
    if reason == UNDO_FAILED:
        if agent.undo is None:
            return "it has no undo"
        return "" if any(_taken_back_after(plan, agent)) else "no route takes a case back after it"
    if can_fail_with(agent, reason):
        return ""
    return "" if any(_left_by_handing_over(agent)) else "no route of the agent ends with handing over"


def _undos_failing(plan: Plan, agent: AgentPlan) -> Iterator[Forced]:
    """Cases that are taken back after the agent's step, and all attempts to undo this one fail."""
    tries = agent.undo.retry.attempts if agent.undo is not None else 0
    # One more: whoever passes the command on tries the next undo once, and leaves it to its own group when it fails.
    undo = {f"{agent.name}{UNDO_OF}": (UNDO_FAILED,) * (tries + 1)}
    for failing, reason, chain in _taken_back_after(plan, agent):
        for way in ways_to(plan, failing.name):
            forced = way.failing(failing.name, reason, _attempts(chain)).force
            yield Forced({**forced, **undo}, way.handoffs if handed_over(chain) else None)


def _taken_back_after(plan: Plan, agent: AgentPlan) -> Iterator[tuple[AgentPlan, str, Chain]]:
    """The cells whose route undoes what the agent did, or may have done when it is the one that fails."""
    onward = _onward(plan, agent.name)
    for failing in plan.agents.values():
        if failing is not agent and (failing.held_by or failing.name) not in onward:
            continue
        for reason, chain in failing.chains.items():
            takes_back = declared(chain, out_of_handoffs=True)[0] == COMPENSATE
            keeps_its_reason = not handed_over(chain) or chain.links[-1] == EndingLink(COMPENSATE)
            if takes_back and keeps_its_reason and can_fail_with(failing, reason):
                yield failing, reason, chain


def _onward(plan: Plan, agent: str) -> frozenset[str]:
    """Every agent that a case may come to after this one."""
    found, waiting = {agent}, [agent]
    while waiting:
        before = waiting.pop()
        for name, other in plan.agents.items():
            if name not in found and any(source.agent == before for source in other.sources):
                found.add(name)
                waiting.append(name)
    return frozenset(found - {agent})


def _left_by_handing_over(agent: AgentPlan) -> Iterator[tuple[str, Chain]]:
    """The chains that leave nothing but `handoff_exhausted` when the hand-off budget is spent."""
    for reason, chain in agent.chains.items():
        if chain.links and isinstance(chain.links[-1], ToLink) and can_fail_with(agent, reason):
            yield reason, chain


def _attempts(chain: Chain) -> int:
    """Attempts that use up every retry of the chain."""
    return 1 + sum(link.attempts - 1 for link in chain.links if isinstance(link, RetryLink))


def _attempts_until(chain: Chain, target: str) -> int:
    """Failed attempts after which the chain takes the case to the target; 0 when it never does first of all."""
    attempts = 1
    for link in chain.links:
        if isinstance(link, RetryLink):
            attempts += link.attempts - 1
        elif isinstance(link, ToLink):
            return attempts if link.agent.name == target else 0
        else:
            return attempts if isinstance(link, EndingLink) and link.kind == ESCALATE else 0
    return attempts if chain.ending == ESCALATE else 0


def _hands_over(chain: Chain, target: str) -> int:
    return int(any(isinstance(link, ToLink) and link.agent.name == target for link in chain.links))
