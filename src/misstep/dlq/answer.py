"""What an answer to an escalated case comes to: plain decisions, nothing is read or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from misstep.agents.event_writer import kind_headers
from misstep.agents.plan import AgentPlan, Plan
from misstep.contracts import Contract, Misfit, Reader, SchemaSource, encode
from misstep.contracts.event import Headers
from misstep.errors import AnswerIsNo, UsageError

Way = Literal["again", "behind", "completes"]
_MORE_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A payload, and where it takes the case."""

    way: Way
    """`again`: the agent that escalated is given it. `behind`: it stands for what that agent would have emitted.
    `completes`: the same, and nobody hears it."""
    contract: type[Contract]
    value: bytes
    kind: Headers
    goes_to: tuple[str, ...]
    """The agents whose inbox it goes to; the one that escalated when it completes the case."""


def understood(plan: Plan, agent: AgentPlan, value: bytes, schemas: SchemaSource, *, meant: str = "") -> Answer:
    """Read an answer as what the agent accepts, or as what it emits.

    meant: the name of the contract that the person means; without it the one that fits, of two the one of which the
    answer has no field too many. AnswerIsNo, field by field, when it fits none; UsageError when it fits several.
    """
    accepted = () if agent.joins else agent.accepts
    named = [*((one, True) for one in accepted), *((one, False) for one in agent.emits)]
    if meant:
        named = [(one, into) for one, into in named if meant in (one.__contract__.name, one.__contract__.text)]
        if not named:
            known = ", ".join(dict.fromkeys(one.__contract__.text for one in (*accepted, *agent.emits)))
            raise UsageError(f"--as {meant!r} is no contract that {agent.name} accepts or emits; those are: {known}.")
    fitting: list[tuple[Contract, bool]] = []
    misfits: list[tuple[type[Contract], Misfit]] = []
    for contract, into in named:
        try:
            fitting.append((Reader(contract, schemas).read(value, None), into))
        except Misfit as misfit:
            misfits.append((contract, misfit))
    if not fitting:
        raise AnswerIsNo(_fits_none(agent, misfits))
    payload, into = _one_of(fitting, value)
    contract = type(payload)
    said = Answer("again", contract, encode(payload), kind_headers(contract), (agent.name,))
    return said if into else _behind(plan, agent, said, schemas)


def _behind(plan: Plan, agent: AgentPlan, said: Answer, schemas: SchemaSource) -> Answer:
    """Everyone who hears the contract from this agent is given the answer, and must be able to read it."""
    name = said.contract.__contract__.name
    hearers = [
        other
        for other in plan.agents.values()
        if any(
            source.agent == agent.name
            and not source.failed
            and (not source.contracts or name.encode() in source.contracts)
            for source in other.sources
        )
    ]
    for other in hearers:
        wanted = tuple(one for one in (other.joins or other.accepts) if one.__contract__.name == name)
        try:
            Reader(wanted or other.accepts, schemas).read(said.value, said.contract.__contract__.urn.encode())
        except Misfit as misfit:
            raise AnswerIsNo(
                f"It fits {said.contract.__contract__.text}, but {other.name}, who hears it, would refuse it: {misfit}"
            ) from None
    if not hearers:
        return Answer("completes", said.contract, said.value, said.kind, (agent.name,))
    return Answer("behind", said.contract, said.value, said.kind, tuple(other.name for other in hearers))


def _one_of(fitting: Sequence[tuple[Contract, bool]], value: bytes) -> tuple[Contract, bool]:
    if len(fitting) == 1:
        return fitting[0]
    given = orjson.loads(value)
    keys = set(given) if isinstance(given, dict) else set()
    whole = [(payload, into) for payload, into in fitting if keys <= _names(type(payload))]
    if len(whole) == 1:
        return whole[0]
    names = " and ".join(dict.fromkeys(type(payload).__contract__.text for payload, _ in fitting))
    raise UsageError(f"The answer fits {names}; say which of them is meant with --as CONTRACT.")


def _names(contract: type[Contract]) -> set[str]:
    fields = contract.model_fields
    return {*fields, *(field.alias for field in fields.values() if field.alias)}


def _fits_none(agent: AgentPlan, misfits: Sequence[tuple[type[Contract], Misfit]]) -> str:
    told = "; ".join(f"as {contract.__contract__.text}: {misfit.detail}" for contract, misfit in misfits[:_MORE_MAX])
    return f"The answer fits nothing that {agent.name} accepts or emits: {told}"
