"""Earlier versions of a case: found by its history, read back where the history says they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol, TypeVar

from misstep.agents.plan import Plan
from misstep.agents.turn import Turn
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Reader, SchemaSource
from misstep.contracts.event import CASES, OK, Lineage, Step

C = TypeVar("C", bound=Contract)


class Recall(Protocol):
    """Reads one event back by where it stands; LookupError when it is no longer there."""

    def __call__(self, topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]: ...


def may_say(plan: Plan, name: str) -> tuple[type[Contract], ...]:
    """The contracts that an event may carry, by its name in a history (see Topics.of_step)."""
    if name == CASES:
        return (plan.starts,)
    agent, _, beside = name.partition(".")
    known = plan.agents.get(agent)
    if known is None:
        return ()
    return {"": known.emits, "inbox": known.accepts}.get(beside, ())


def newest_saying(
    plan: Plan, topics: Topics, steps: Sequence[Step], names: Set[str], recall: Recall
) -> tuple[bytes | None, bytes | None]:
    """Value and dataschema of the newest version whose contract is one of `names`; LookupError if there is none."""
    for emitter, _, partition, offset, reason in reversed(steps):
        if reason != OK or not any(contract.__contract__.name in names for contract in may_say(plan, emitter)):
            continue
        value, headers = recall(topics.of_step(emitter, reason), partition, offset)
        said = headers.get("ce_type")
        if said is None or said.decode("utf-8", "replace") in names:
            return value, headers.get("ce_dataschema")
    raise LookupError(f"no version of this case says {' or '.join(sorted(names))}")


def earlier_version(
    plan: Plan,
    topics: Topics,
    turn: Turn[Any],
    lineage: Lineage,
    contract: type[C],
    recall: Recall,
    schemas: SchemaSource,
) -> C:
    """What `turn.earlier` answers: the turn's own payload if it says `contract`, else the newest version that does."""
    if isinstance(turn.payload, contract):
        return turn.payload
    value, dataschema = newest_saying(plan, topics, lineage.steps, {contract.__contract__.name}, recall)
    found = Reader(contract, schemas).read(value, dataschema)
    assert isinstance(found, contract)
    return found
