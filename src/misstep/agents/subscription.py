"""Who hears what: the topics of one consumer group, and which of their messages are for it, by headers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from misstep.agents.inbound import hears
from misstep.agents.plan import AgentPlan, Source
from misstep.bus.topics import Topics
from misstep.contracts.event import CASES

Hears = Callable[[Mapping[str, bytes]], bool]


@dataclass(frozen=True)
class Subscription:
    """One consumer group of a workflow: an agent's, or one of the saga's."""

    name: str
    """The agent's name, or what the group does for it: `post_entry`, `post_entry.undo`, `coordinator`."""
    group: str
    heard: Mapping[str, Hears | None]
    """Topic -> is this message for us? None: all of them are."""
    cases_topic: str = ""
    """The topic where cases begin, if this group reads it."""


def of_agent(agent: AgentPlan, topics: Topics) -> Subscription:
    """An agent hears whoever emits what it accepts, what is routed to it, and its inbox."""
    name = agent.name.encode()
    heard: dict[str, Hears | None] = {topics.inbox(agent.name): None}
    for source in agent.sources:
        topic = topics.failed(source.agent) if source.failed else topics.agent(source.agent)
        heard[topic] = None if source.agent == CASES else _hearing(source, name)
    return Subscription(agent.name, topics.group(agent.name), heard, topics.cases if agent.reads_cases else "")


def _hearing(source: Source, agent: bytes) -> Hears:
    return lambda headers: hears(source, agent, headers)
