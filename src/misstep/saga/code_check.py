"""Where an agent's code and its signature disagree: found by reading, before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Set

from misstep.agents.calling import MODEL_DOWN
from misstep.agents.inbound import LATENCY_BLOW, SCHEMA_INVALID
from misstep.contracts.failure import ENGINE_REASONS
from misstep.saga.case_states import CaseStates
from misstep.saga.choreography import Choreography
from misstep.saga.finding import Finding
from misstep.saga.row import Row
from misstep.saga.source_reading import Reading, read_agent

MAY_GIVE = frozenset({LATENCY_BLOW, SCHEMA_INVALID})
"""Engine reasons that an agent may give too, without naming them: `settle` takes them as they are."""


def check_code(score: Choreography, states: CaseStates, dependencies: Set[str] | None = None) -> Iterator[Finding]:
    """Findings on every agent's source. dependencies: the names that the wiring knows; None when there is no wiring."""
    for row in score.rows.values():
        reading = read_agent(row.agent)
        yield from _undeclared(row, reading)
        yield from _never_given(row, reading)
        yield from _dependencies(row, reading, dependencies)
        yield from _earlier(row, reading, states)


def _undeclared(row: Row, reading: Reading) -> Iterator[Finding]:
    declared = {*row.agent.signature.fails, *MAY_GIVE}
    for said in dict.fromkeys(reading.reasons):
        if said.what not in declared:
            yield Finding(
                "error",
                f"it fails with {said.what!r}, which its signature does not name; add it to Failure[Literal[...]], or "
                "mend its spelling.",
                row.agent.name,
                said.what,
                said.where,
            )
    for said in dict.fromkeys(reading.unreadable):
        yield Finding(
            "warning",
            f"which reason {said.what} is cannot be read; write the reason out, or annotate it as Literal[...].",
            row.agent.name,
            where=said.where,
        )
    for said in dict.fromkeys(reading.unfollowed):
        yield Finding(
            "warning",
            f"it gives its turn to {said.what}, whose source cannot be read; give it the payload instead.",
            row.agent.name,
            where=said.where,
        )


def _never_given(row: Row, reading: Reading) -> Iterator[Finding]:
    if not reading.whole:
        return
    agent = row.agent
    given = {said.what for said in reading.reasons} | {*agent.raises.values(), *ENGINE_REASONS}
    if reading.calls or reading.steps:
        given.add(MODEL_DOWN)
    for reason in agent.signature.fails:
        if reason in given:
            continue
        if agent.signature.dependencies:  # a dependency may raise Failure by itself
            message = f"its signature names {reason}, and nothing in its source gives it; take it out, unless a "
            message += "dependency raises it."
            yield Finding("warning", message, agent.name, reason, agent.where)
        else:
            message = f"its signature names {reason}, and no way through its source gives it; take it out of the "
            message += "signature and the row."
            yield Finding("error", message, agent.name, reason, agent.where)


def _dependencies(row: Row, reading: Reading, known: Set[str] | None) -> Iterator[Finding]:
    agent = row.agent
    if reading.calls and MODEL_DOWN not in agent.signature.fails:
        yield Finding(
            "error",
            f"it uses turn.calling, which fails with {MODEL_DOWN}, and its signature does not name that; add it to "
            "Failure[Literal[...]].",
            agent.name,
            MODEL_DOWN,
            reading.calls[0].where,
        )
    elif reading.steps and MODEL_DOWN not in agent.signature.fails:
        yield Finding(
            "error",
            f"it uses turn.step, which fails with {MODEL_DOWN} while Postgres does not answer, and its signature does "
            "not name that; add it to Failure[Literal[...]].",
            agent.name,
            MODEL_DOWN,
            reading.steps[0].where,
        )
    for said in dict.fromkeys(reading.calls):
        if known is not None and said.what and said.what not in known:
            yield Finding(
                "error",
                f"it calls {said.what!r}, which agents/wiring.py does not name (it names {_listed(known)}); write "
                f'@wiring.provides(dependency="{said.what}").',
                agent.name,
                where=said.where,
            )


def _earlier(row: Row, reading: Reading, states: CaseStates) -> Iterator[Finding]:
    ways = states.reached.get(row.agent.name, set())
    ever = states.ever.get(row.agent.name, frozenset())
    for contract, where in dict.fromkeys(reading.earlier):
        name = contract.__contract__.name
        without = [said for said in ways if name not in said]
        if without and name not in ever:
            yield Finding(
                "error",
                f"turn.earlier({contract.__name__}): no case has said {name} when it comes here (it can have "
                f"said {_listed(ever)}); ask for one of these.",
                row.agent.name,
                where=where,
            )
        elif without:
            yield Finding(
                "warning",
                f"turn.earlier({contract.__name__}): a case that has said only {_listed(without[0])} can come here "
                "too; be ready for LookupError.",
                row.agent.name,
                where=where,
            )


def _listed(names: Set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
