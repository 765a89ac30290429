"""What a case can have said by the time an agent gets it: every way through the score, followed from the start.

A state is an agent and the contracts that the case's history certainly holds there. Only the smallest sets are kept:
what holds for the poorest history holds for every richer one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from misstep.agents.route import ToLink
from misstep.saga.score_map import ESCALATED, ScoreMap, links_of

Said = frozenset[str]

SETS_MAX = 256
"""Of one agent; beyond it they are taken together as what all of them hold, which can only find too much."""


@dataclass
class CaseStates:
    """The outcome of following every way."""

    reached: dict[str, set[Said]] = field(default_factory=dict)
    """Agent -> the poorest histories with which a case can come to it."""
    misfits: dict[tuple[str, str, str], Said] = field(default_factory=dict)
    """(agent, reason, target) of a hand-over for which no version fits -> the history it happens with."""


def follow(map_: ScoreMap) -> CaseStates:
    """Follow a case from its start contract along every emission, hand-over and escalation."""
    states = CaseStates()
    waiting: deque[tuple[str, Said]] = deque()

    def arrive(agent: str, said: Said) -> None:
        known = states.reached.setdefault(agent, set())
        if any(other <= said for other in known):
            return
        known -= {other for other in known if said < other}
        known.add(said)
        if len(known) > SETS_MAX:
            said = frozenset.intersection(*known)
            known.clear()
            known.add(said)
        waiting.append((agent, said))

    for agent in map_.hearers(map_.starts):
        arrive(agent, frozenset({map_.starts}))
    while waiting:
        agent, said = waiting.popleft()
        if said not in states.reached[agent]:
            continue  # a poorer history came this way since
        for contract in map_.emits[agent]:
            for listener in map_.listeners(agent, contract):
                arrive(listener, (said - {ESCALATED}) | {contract})
        for reason, link in links_of(map_.chains[agent]):
            target = link.agent.name if isinstance(link, ToLink) else ""
            if target not in map_.accepts:
                continue
            if not said & map_.accepts[target]:
                states.misfits.setdefault((agent, reason, target), said)
            arrive(target, said)
        escalation = map_.escalation
        if escalation not in (None, agent) and agent in map_.escalates:
            assert escalation is not None
            arrive(escalation, said | {ESCALATED})
    return states
