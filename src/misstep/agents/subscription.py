"""Who hears what: the topics of one consumer group, and which of their messages are for it, by headers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from misstep.agents.inbound import hears
from misstep.agents.join import PARKED
from misstep.agents.plan import AgentPlan, Plan, Source
from misstep.bus.topics import Topics
from misstep.contracts.event import (
    CASES,
    COMPENSATE,
    DEAD_LETTER,
    ESCALATE,
    NEXT,
    STOP,
    UNDO,
    MalformedEvent,
    parse_history,
)

COORDINATOR = "coordinator"
"""Name of the group that begins to take cases back."""
COMMAND = "undo"
"""Who is said to have written its commands."""

Hears = Callable[[Mapping[str, bytes]], bool]


Identity = Callable[[bytes | None, Sequence[tuple[str, bytes | None]]], bytes | None]
"""What makes a message the same as another, from its key and its headers; None: it is like no other."""


def by_key(key: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """A case that is published again has the same id, which is its key."""
    return key


def by_ce_id(key: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """An event that is sent again has the same `ce_id`."""
    return next((value for name, value in headers if name == "ce_id"), None)


@dataclass(frozen=True)
class Answers:
    """The events that a group writes, each in the transaction that consumes what it answers."""

    topics: tuple[str, ...]
    """Where they stand, in the partition of what they answer."""
    named: Callable[[Mapping[str, bytes | None], int], Iterable[tuple[str, int]]]
    """Topic and offset of what an event with these headers, in this partition, answers; nothing if it is not theirs."""


@dataclass(frozen=True)
class Subscription:
    """One consumer group of a workflow: an agent's, or one of the saga's."""

    name: str
    """The agent's name, or what the group does for it: `post_entry`, `post_entry.undo`, `coordinator`."""
    group: str
    heard: Mapping[str, Hears | None]
    """Topic -> is this message for us? None: all of them are."""
    once_topic: str = ""
    """Topic of which a message that comes again under a known identity is passed over."""
    identity: Identity = by_key
    answers: Answers | None = None
    """None: they do not name what was consumed."""


def of_agent(agent: AgentPlan, topics: Topics) -> Subscription:
    """An agent hears whoever emits what it accepts, what is routed to it, and its inbox."""
    name = agent.name.encode()
    heard: dict[str, Hears | None] = {topics.cases: None} if agent.reads_cases else {}
    for source in agent.sources:
        topic = topics.failed(source.agent) if source.failed else topics.agent(source.agent)
        if source.agent != CASES:
            heard[topic] = _hearing(source, name)
    heard[topics.inbox(agent.name)] = _goes_on
    return Subscription(
        agent.name,
        topics.group(agent.name),
        heard,
        topics.cases if agent.reads_cases else "",
        answers=_of(agent.name, topics, topics.agent(agent.name), topics.failed(agent.name)),
    )


def shares_of(whole: Subscription) -> list[Subscription]:
    """The same in two groups: its first topic, which has nearly all of the work, and beside it the others.

    Kafka's cooperative assignor evens out partitions over all topics of a group together: who joins later would be
    given the first topic whole, and whoever was there be left with an inbox.
    """
    first, *others = whole.heard.items()
    if not others:
        return [whole]
    return [
        replace(whole, heard=dict([first])),
        Subscription(f"{whole.name}.aside", f"{whole.group}.aside", dict(others), answers=whole.answers),
    ]


def _goes_on(headers: Mapping[str, bytes]) -> bool:
    """An operator's event that ends the case, or has it undone, stands in the inbox and is not for the agent."""
    return headers.get("ce_route") in (None, NEXT.encode())


def of_parking(plan: Plan, agent: AgentPlan, topics: Topics) -> Subscription:
    """A join's halves: what its branches emit, and their failures that would end the case. They are parked."""
    own = of_agent(agent, topics)
    held: dict[str, Hears | None] = {
        topics.failed(name): _ends for name, other in plan.agents.items() if other.held_by == agent.name
    }
    return Subscription(f"{agent.name}.parking", own.group, {**own.heard, **held}, answers=_of_parking(agent, topics))


def of_join(agent: AgentPlan, topics: Topics) -> Subscription:
    """A join hears what was parked for it."""
    return Subscription(agent.name, topics.group(f"{agent.name}.join"), {topics.parked(agent.name): None})


_ENDINGS = frozenset({DEAD_LETTER.encode(), ESCALATE.encode(), COMPENSATE.encode(), STOP.encode()})


def _ends(headers: Mapping[str, bytes]) -> bool:
    return headers.get("ce_route") in _ENDINGS


def of_undo(agent: str, topics: Topics) -> Subscription:
    """An agent's undo hears the commands that name it next, unless its turn is in the same transaction."""
    route, name = f"{UNDO}{agent}".encode(), agent.encode()

    def hears_command(headers: Mapping[str, bytes]) -> bool:
        return headers.get("ce_route") == route and headers.get("ce_carried") != name

    return Subscription(
        f"{agent}.undo",
        topics.group(f"{agent}.undo"),
        {topics.undo: hears_command},
        topics.undo,
        by_ce_id,
        _of(agent, topics, topics.undo),
    )


def of_coordinator(plan: Plan, topics: Topics) -> Subscription:
    """The coordinator hears the failures whose route is `compensate`, but not those that a join holds."""
    heard: dict[str, Hears | None] = {
        topics.failed(name): _compensates for name, agent in plan.agents.items() if not agent.held_by
    }
    return Subscription(COORDINATOR, topics.group(COORDINATOR), heard, answers=_of(COMMAND, topics, topics.undo))


def _compensates(headers: Mapping[str, bytes]) -> bool:
    return headers.get("ce_route") == b"compensate"


def _hearing(source: Source, agent: bytes) -> Hears:
    return lambda headers: hears(source, agent, headers)


def _of(name: str, topics: Topics, *where: str) -> Answers:
    """Events that say what they follow in `ce_history`, written by `name`."""
    writer = name.encode()

    def named(headers: Mapping[str, bytes | None], partition: int) -> Iterable[tuple[str, int]]:
        history = headers.get("ce_history")
        if headers.get("ce_agent") != writer or history is None:
            return ()
        try:
            steps = parse_history(history)
        except MalformedEvent:
            return ()
        return [
            (topics.of_step(step[0], step[4]), step[3])
            for step in steps
            if step[1] == steps[-1][1] and step[2] == partition
        ]

    return Answers(where, named)


def _of_parking(agent: AgentPlan, topics: Topics) -> Answers:
    """Parked halves say where they stood."""

    def named(headers: Mapping[str, bytes | None], partition: int) -> Iterable[tuple[str, int]]:
        topic, offset = headers.get(f"{PARKED}topic"), headers.get(f"{PARKED}offset")
        return [(topic.decode(), int(offset))] if topic and offset else ()

    return Answers((topics.parked(agent.name),), named)
