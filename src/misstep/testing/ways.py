"""How a case is brought to an agent, and a cell of the matrix is forced: what `walk` asks of `rehearse`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from misstep.agents.plan import WHEN_SPENT, AgentPlan, Chain, Plan
from misstep.agents.route import EndingLink, RetryLink, ToLink
from misstep.contracts.event import CASES, ESCALATE

UNDO_FAILED = "undo_failed"
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
        for reason, chain in plan.agents[source.agent].chains.items():
            times = _attempts_until(chain, agent)
            if times and can_fail_with(plan.agents[source.agent], reason):
                ways += [way.failing(source.agent, reason, times, handoffs=_hands_over(chain, agent)) for way in before]
    return ways[:WAYS_MAX]  # in a score where everybody hands over to everybody they are beyond number


def can_fail_with(agent: AgentPlan, reason: str) -> bool:
    """Can an attempt of this agent be made to fail with this reason itself?"""
    return reason in agent.agent.signature.fails or reason not in (WHEN_SPENT, UNDO_FAILED)


def forced(plan: Plan, agent: str, reason: str) -> Iterator[Forced]:
    """The rehearsals, likeliest first, that take a case to the agent and its failure to the end of its retries."""
    there = plan.agents[agent]
    if can_fail_with(there, reason):
        for way in ways_to(plan, agent):
            yield Forced(way.failing(agent, reason, _attempts(there.chains[reason])).force)
        return
    for handing_over, chain in _left_by_handing_over(there):
        for way in ways_to(plan, agent):
            yield Forced(way.failing(agent, handing_over, _attempts(chain)).force, way.handoffs)


def why_not_forced(agent: AgentPlan, reason: str) -> str:
    """Why no turn of the agent can come to this reason; empty when one can."""
    if can_fail_with(agent, reason):
        return ""
    if reason == UNDO_FAILED:
        return "an undo comes to it, no turn does"
    return "" if any(_left_by_handing_over(agent)) else "no route of the agent ends with handing over"


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
