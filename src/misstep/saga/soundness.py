"""What a score must be to be a plan at all: every agent is heard by somebody, and hears somebody."""

from __future__ import annotations

from collections.abc import Iterator

from misstep.agents.route import ToLink
from misstep.bus.topics import RESERVED
from misstep.contracts.failure import REASONS
from misstep.saga.choreography import Choreography
from misstep.saga.finding import Finding
from misstep.saga.forks import unsound_forks
from misstep.saga.score_map import ESCALATED, ScoreMap, links_of


def unsound(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    """Everything because of which a score cannot be compiled. All of them are errors."""
    if not score.rows:
        yield Finding("error", f"workflow {score.name} has no agents; give one a row with on(...).", where=score.where)
        return
    yield from _names(score)
    yield from _handed_to_strangers(score, map_)
    yield from _never_started(score, map_)
    undeclared = list(_undeclared_forks(score, map_))
    yield from undeclared or unsound_forks(score, map_)
    yield from _escalations(score, map_)
    yield from _unheard_reasons(score, map_)
    for name, compensation in score.undos.items():
        if name not in score.rows:
            yield Finding(
                "error",
                f"it has an undo but no row in {score.name}; give it one with on(...), or take the undo out.",
                name,
                where=compensation.where,
            )


def _names(score: Choreography) -> Iterator[Finding]:
    for name, row in score.rows.items():
        if name in RESERVED:
            yield Finding(
                "error",
                f"no agent may be called {name!r}: topics of every workflow end in that; rename the function.",
                name,
                where=row.where,
            )


def _handed_to_strangers(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    for name, chains in map_.chains.items():
        for reason, link in links_of(chains):
            if not isinstance(link, ToLink):
                continue
            row = score.rows.get(link.agent.name)
            if row is None:
                yield Finding(
                    "error",
                    f"its {reason} goes to {link.agent.name}, which has no row in {score.name}; "
                    f"give it one with on({link.agent.name}, ...).",
                    name,
                    reason,
                    score.rows[name].where,
                )
            elif row.agent is not link.agent:
                yield Finding(
                    "error",
                    f"its {reason} goes to another agent called {link.agent.name} ({link.agent.where}) than the one "
                    f"with that row ({row.agent.where}); rename one of the two functions.",
                    name,
                    reason,
                    score.rows[name].where,
                )


def _never_started(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    if not map_.hearers(map_.starts):
        yield Finding(
            "error",
            f"no agent accepts the start contract {map_.starts}; give a row, without standby, to one that does.",
            where=score.where,
        )


def _undeclared_forks(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    contracts = dict.fromkeys(contract for accepted in map_.accepts.values() for contract in sorted(accepted))
    for contract in contracts:
        hearers = map_.hearers(contract)
        if len(hearers) < 2 or contract == ESCALATED:
            continue
        forks = {score.rows[name].fork for name in hearers}
        if forks == {""} or len(forks) > 1:
            yield Finding(
                "error",
                f"{' and '.join(hearers)} all accept {contract}, which makes a fork; "
                'declare it with the same fork="name" in each row, or make all but one standby=True.',
                hearers[-1],
                where=score.rows[hearers[-1]].where,
            )


def _escalations(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    accepting = [name for name, accepted in map_.accepts.items() if ESCALATED in accepted]
    for name in accepting:
        others = sorted(map_.accepts[name] - {ESCALATED})
        if others:
            yield Finding(
                "error",
                f"it accepts escalations and {' and '.join(others)} too; an agent that is handed escalations does "
                "nothing else, so make two of it.",
                name,
                where=score.rows[name].where,
            )
    if len(accepting) > 1:
        yield Finding(
            "error",
            f"{' and '.join(accepting)} all accept escalations; a case is handed to one of them, so keep one.",
            accepting[-1],
            where=score.rows[accepting[-1]].where,
        )


def _unheard_reasons(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    known = {*REASONS, *(reason for chains in map_.chains.values() for reason in chains)}
    for reason in score.otherwise:
        if reason not in known:
            yield Finding(
                "error",
                f"otherwise names {reason!r}, which is no reason of Misstep's and of no agent of {score.name}; "
                "mend its spelling, or take it out.",
                reason=reason,
                where=score.where,
            )
