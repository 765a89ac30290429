"""Forks and the joins where they meet again: which agents stand on which branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from misstep.saga.choreography import Choreography
from misstep.saga.finding import Finding
from misstep.saga.score_map import ScoreMap


@dataclass(frozen=True, slots=True)
class Branch:
    """One way from a fork to its join."""

    agents: frozenset[str]
    joins: frozenset[tuple[str, str]]
    """(join, contract) pairs that the branch comes to; exactly one in a sound score."""
    ends: tuple[str, ...]
    """Agents on it that emit what nobody hears."""


def branches_of(score: Choreography, map_: ScoreMap) -> dict[str, dict[str, Branch]]:
    """Fork -> its first agents -> the branch that begins with each."""
    forks: dict[str, dict[str, Branch]] = {}
    for name, row in score.rows.items():
        if row.fork:
            forks.setdefault(row.fork, {})[name] = _follow(map_, name)
    return forks


def held_by(score: Choreography, map_: ScoreMap) -> dict[str, tuple[str, str]]:
    """Agent on a branch -> (its join, the contract that its branch brings there)."""
    return {
        agent: pair
        for branches in branches_of(score, map_).values()
        for branch in branches.values()
        for pair in branch.joins
        for agent in branch.agents
    }


def _follow(map_: ScoreMap, first: str) -> Branch:
    agents, joins, ends = {first}, set(), []
    waiting = [first]
    while waiting:
        agent = waiting.pop()
        onward = set(map_.hands_to[agent]) & set(map_.accepts)
        for contract in map_.emits[agent]:
            listeners = map_.listeners(agent, contract)
            if not listeners:
                ends.append(agent)
            for listener in listeners:
                if contract in map_.joins.get(listener, ()):
                    joins.add((listener, contract))
                else:
                    onward.add(listener)
        waiting += onward - agents
        agents |= onward
    return Branch(frozenset(agents), frozenset(joins), tuple(ends))


def unsound_forks(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    """Forks that do not meet again, joins that nothing comes to, branches that run into each other."""
    forks = branches_of(score, map_)
    met: set[str] = set()
    for fork, branches in forks.items():
        yield from _fork(score, map_, fork, branches)
        met |= {join for branch in branches.values() for join, _ in branch.joins}
    for name, contracts in map_.joins.items():
        row = score.rows[name]
        if name not in met:
            yield Finding(
                "error",
                f"it joins {' and '.join(sorted(contracts))}, and no fork leads there; declare the fork with the same "
                'fork="name" in the rows of the agents where the ways part.',
                name,
                where=row.where,
            )
        if row.standby or any(name in targets for targets in map_.hands_to.values()):
            yield Finding(
                "error",
                "it is a join, which waits for every branch; it cannot be on standby, nor be handed a case by to(...).",
                name,
                where=row.where,
            )


def _fork(score: Choreography, map_: ScoreMap, fork: str, branches: Mapping[str, Branch]) -> Iterator[Finding]:
    where = score.rows[next(iter(branches))].where
    if len(branches) < 2:
        yield Finding(
            "error",
            f"fork {fork!r} has one branch; name it in the rows of all agents that accept the same contract.",
            next(iter(branches)),
            where=where,
        )
        return
    for name, branch in branches.items():
        row = score.rows[name]
        inner = sorted(other for other in branch.agents if other != name and score.rows[other].fork)
        if inner:
            yield Finding(
                "error",
                f"its branch of fork {fork!r} forks again at {inner[0]}; a fork inside a fork is not carried out, so "
                "join the ways before they part again.",
                name,
                where=row.where,
            )
        elif branch.ends:
            yield Finding(
                "error",
                f"its branch of fork {fork!r} ends with {branch.ends[0]} instead of a join; let an agent accept "
                "Turn[tuple[...]] of what every branch emits.",
                name,
                where=row.where,
            )
        elif len(branch.joins) != 1:
            comes = " and ".join(f"{contract} at {join}" for join, contract in sorted(branch.joins)) or "none"
            yield Finding(
                "error",
                f"its branch of fork {fork!r} must bring one contract to one join; it brings {comes}.",
                name,
                where=row.where,
            )
    if any(len(branch.joins) != 1 or branch.ends for branch in branches.values()):
        return
    brought = [next(iter(branch.joins)) for branch in branches.values()]
    joins = {join for join, _ in brought}
    contracts = [contract for _, contract in brought]
    if len(joins) > 1:
        yield Finding(
            "error",
            f"fork {fork!r} comes to {' and '.join(sorted(joins))}; its branches meet in one join.",
            where=where,
        )
    elif set(contracts) != map_.joins[brought[0][0]] or len(set(contracts)) != len(contracts):
        yield Finding(
            "error",
            f"it joins {' and '.join(sorted(map_.joins[brought[0][0]]))}, and the branches of fork {fork!r} bring "
            f"{' and '.join(sorted(contracts))}; each branch brings a contract of its own, and all are joined.",
            brought[0][0],
            where=score.rows[brought[0][0]].where,
        )
    shared = sorted(
        agent
        for agent in frozenset.union(*(branch.agents for branch in branches.values()))
        if sum(agent in branch.agents for branch in branches.values()) > 1
    )
    if shared:
        yield Finding(
            "error",
            f"{shared[0]} stands on more than one branch of fork {fork!r}; give each branch an agent of its own.",
            shared[0],
            where=score.rows[shared[0]].where,
        )
