"""What a case can have said by the time an agent gets it: every way through the score, followed from the start.

A state is an agent and the contracts that the case's history certainly holds there. Only the smallest sets are kept:
what holds for the poorest history holds for every richer one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
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
    ever: dict[str, Said] = field(default_factory=dict)
    """Agent -> everything that a case can have said when it comes to it, on one way or another."""
    misfits: dict[tuple[str, str, str], Said] = field(default_factory=dict)
    """(agent, reason, target) of a hand-over for which no version fits -> the history it happens with."""


def follow(map_: ScoreMap) -> CaseStates:
    """Follow a case from its start contract along every emission, hand-over and escalation."""
    states = CaseStates()
    waiting: deque[tuple[str, Said]] = deque()
    for agent in map_.hearers(map_.starts):
        _arrive(states, waiting, agent, frozenset({map_.starts}))
    while waiting:
        agent, said = waiting.popleft()
        if said not in states.reached[agent]:
            continue  # a poorer history came this way since
        for reason, link in links_of(map_.chains[agent]):
            if (
                isinstance(link, ToLink)
                and link.agent.name in map_.accepts
                and not said & map_.accepts[link.agent.name]
            ):
                states.misfits.setdefault((agent, reason, link.agent.name), said)
        for onward, then_said in _onward(map_, agent, said):
            _arrive(states, waiting, onward, then_said)
    _gather(map_, states)
    return states


def _onward(map_: ScoreMap, agent: str, said: Said) -> Iterator[tuple[str, Said]]:
    for contract in map_.emits[agent]:
        for listener in map_.listeners(agent, contract):
            yield listener, (said - {ESCALATED}) | {contract} | map_.joins.get(listener, frozenset())
    for _, link in links_of(map_.chains[agent]):
        if isinstance(link, ToLink) and link.agent.name in map_.accepts:
            yield link.agent.name, said
    escalation = map_.escalation
    if escalation is not None and escalation != agent and agent in map_.escalates:
        yield escalation, said | {ESCALATED}


def _arrive(states: CaseStates, waiting: deque[tuple[str, Said]], agent: str, said: Said) -> None:
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


def _gather(map_: ScoreMap, states: CaseStates) -> None:
    """All that the histories, poor and rich, can hold."""
    waiting = deque((agent, frozenset({map_.starts})) for agent in map_.hearers(map_.starts))
    while waiting:
        agent, said = waiting.popleft()
        before = states.ever.get(agent, frozenset())
        if agent in states.ever and said <= before:
            continue
        states.ever[agent] = before | said
        waiting.extend(_onward(map_, agent, states.ever[agent]))
