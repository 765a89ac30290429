"""What was recorded of a run: all that the oracle is given. Nothing here asks a server."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from misstep.bus.topics import Topics
from misstep.contracts.event import case_id_of


class Place(NamedTuple):
    """Where a message stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the log."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    seen_s: float = 0.0
    """When a reader had it, by its monotonic clock."""

    def text(self, name: str) -> str:
        """A header's text; empty when it is not there."""
        return self.headers.get(name, b"").decode("utf-8", "backslashreplace")

    def number(self, name: str) -> int:
        """A header's number; -1 when it is none."""
        text = self.text(name)
        return int(text) if text.isdigit() else -1

    @property
    def case_id(self) -> str:
        """The case's id; of an event without headers what its key and place come to."""
        return self.text("ce_subject") or case_id_of(
            self.key, self.place.topic, self.place.partition, self.place.offset
        )

    @property
    def life(self) -> tuple[str, int]:
        """Case id and epoch."""
        return self.case_id, max(0, self.number("ce_epoch"))

    @property
    def identity(self) -> tuple[str, int, int, str]:
        """What may exist once: case id, epoch, version, agent."""
        return *self.life, self.number("ce_stateversion"), self.text("ce_agent")

    def digest(self) -> bytes:
        """A fingerprint of the whole message."""
        parts = [repr(self.key), repr(self.value), *(f"{name}={value!r}" for name, value in self.headers.items())]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Row:
    """What the audit says of one event."""

    place: Place
    case_id: str
    epoch: int
    version: int
    agent: str
    reason: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that an agent, or an undo, changed in the world outside; `times` it was asked to, under that key."""

    key: str
    what: Literal["do", "undo"]
    workflow: str
    step: str
    case_id: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Workflow:
    """What a workflow is to the oracle."""

    topics: Topics
    agents: tuple[str, ...]
    effects: frozenset[str] = frozenset()
    """Agents that leave an effect when they do well."""
    undone: frozenset[str] = frozenset()
    """Those whose effect an undo takes back, leaving one of its own."""

    def state_topics(self) -> list[str]:
        """Topics whose events are state versions: each exists once."""
        own = [
            topic
            for name in self.agents
            for topic in (self.topics.agent(name), self.topics.failed(name), self.topics.inbox(name))
        ]
        return [*own, self.topics.undo, self.topics.outcomes]

    def audited_topics(self) -> list[str]:
        """Topics whose events are rows of `case_turns`."""
        return [self.topics.cases, *self.state_topics()]

    def read_topics(self) -> list[str]:
        """All that a reader records: what is audited, and the dead letters."""
        return [*self.audited_topics(), self.topics.dlq]


@dataclass
class Recording:
    """A stretch of a run, whole: it begins and ends while nothing is under way.

    live: as the reader saw it, in its order, nothing left out. final: the log as it stood at the end.
    """

    workflows: list[Workflow]
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Case id -> workflow, of every case that Kafka acknowledged."""
    live: list[Event] = field(default_factory=list)
    final: list[Event] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    letters: list[Place] = field(default_factory=list)
    """Where each row of `dead_letters` says that its letter stands."""
    effects: list[Effect] = field(default_factory=list)
    foreign: set[Place] = field(default_factory=set)
    """Messages that somebody else wrote into the topics (poison); they are no events of ours."""
    loose: set[str] = field(default_factory=set)
    """Cases that came of such messages: they may have no whole history, and need no outcome."""
