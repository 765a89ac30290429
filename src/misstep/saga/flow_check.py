"""What is wrong with the way of a case: agents that no case comes to, ways that go round for ever, missing versions."""

from __future__ import annotations

from collections.abc import Iterator

from misstep.contracts.event import COMPENSATE
from misstep.saga.case_states import CaseStates
from misstep.saga.choreography import Choreography
from misstep.saga.finding import Finding
from misstep.saga.score_map import ScoreMap


def check_flow(score: Choreography, map_: ScoreMap, states: CaseStates) -> Iterator[Finding]:
    """Findings on how cases travel between the rows."""
    yield from _unreached(score, map_, states)
    yield from _without_a_version(score, map_, states)
    yield from _round_for_ever(score, map_)
    yield from _not_undone(score, map_)


def _unreached(score: Choreography, map_: ScoreMap, states: CaseStates) -> Iterator[Finding]:
    emitters = map_.emitters
    routed_to = {target for targets in map_.hands_to.values() for target in targets}
    for name, row in score.rows.items():
        if name in states.reached:
            continue
        accepted = " or ".join(sorted(map_.accepts[name]))
        if row.standby and name not in routed_to:
            message = f"it is on standby and no route hands over to it; write to({name}) in a row, or take it out."
        elif row.standby:
            message = "no case can come to the agents that hand over to it; mend their way, or take it out."
        elif not any(emitters.get(contract, frozenset()) - {name} for contract in map_.accepts[name]):
            message = f"nobody emits {accepted}, which it accepts; add the agent that does, or take it out."
        else:
            message = f"no case that begins with {map_.starts} comes to it; mend the way to {accepted}, or take it out."
        yield Finding("error", message, name, where=row.where)


def _without_a_version(score: Choreography, map_: ScoreMap, states: CaseStates) -> Iterator[Finding]:
    for (name, reason, target), said in states.misfits.items():
        wanted = " or ".join(sorted(map_.accepts[target]))
        yield Finding(
            "error",
            f"its {reason} goes to {target}, which accepts {wanted}, and a case that comes here can have said only "
            f"{', '.join(sorted(said))}; hand over to an agent that accepts one of these.",
            name,
            reason,
            score.rows[name].where,
        )


def _round_for_ever(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    """Ways round that cost no hand-off: emissions and escalations alone."""
    free = {name: sorted(_goes_on_to(map_, name)) for name in map_.accepts}
    reported: set[frozenset[str]] = set()
    for name in free:
        circle = _way(free, name, name)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            yield Finding(
                "error",
                f"a case can go round {' -> '.join((*circle, name))} for ever, since that costs no hand-off; make the "
                "way back a failure that goes by to(...).",
                name,
                where=score.rows[name].where,
            )


def _not_undone(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    undoes = {
        name for name, chains in map_.chains.items() if any(chain.ending == COMPENSATE for chain in chains.values())
    }
    onward = {
        name: sorted(_goes_on_to(map_, name) | (map_.hands_to[name] & set(map_.accepts))) for name in map_.accepts
    }
    for name, row in score.rows.items():
        agent = row.agent
        if agent.irreversible and name in score.undos:
            yield Finding(
                "warning",
                "it is declared irreversible and has an undo all the same; take one of the two out.",
                name,
                where=row.where,
            )
        if not agent.effect or agent.irreversible or name in score.undos:
            continue
        failing = next((other for other in sorted(undoes) if other == name or _way(onward, name, other)), None)
        if failing is not None:
            yield Finding(
                "error",
                f"it {agent.effect}, {failing} can send the case back by compensate, and nothing undoes it; write "
                f'@{score.name}.undo({name}), or say irreversible="why" in its @agent(...).',
                name,
                where=row.where,
            )


def _goes_on_to(map_: ScoreMap, name: str) -> set[str]:
    onward = {listener for contract in map_.emits[name] for listener in map_.listeners(name, contract)}
    if map_.escalation is not None and name in map_.escalates and name != map_.escalation:
        onward.add(map_.escalation)
    return onward


def _way(edges: dict[str, list[str]], start: str, end: str) -> tuple[str, ...]:
    """The shortest way of at least one step, its end left out; empty when there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:
        for onward in edges[way[-1]]:
            if onward == end:
                return way
            if onward not in seen:
                seen.add(onward)
                ways.append((*way, onward))
    return ()
