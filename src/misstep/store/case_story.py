"""What is told of a case: its versions in order, and whether they can be believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Proof = Literal["verified", "forged", "no longer in Kafka", "not read back"]
Link = Literal["start", "holds", "broken"]


@dataclass(slots=True)
class StoryVersion:
    """One row of the audit, and what follows from its neighbours."""

    workflow: str
    epoch: int
    version: int
    agent: str
    kind: str
    contract: str | None
    reason: str
    detail: str | None
    route: str | None
    attempts: int | None
    tries: list[tuple[str, timedelta]]
    """The attempts before this result: reason, and how long was waited after it."""
    degraded: str | None
    latency: timedelta | None
    tokens: int | None
    authority: str | None
    evidence: Any
    justification: str | None
    payload: Any
    build: str | None
    traceparent: str | None
    prev_hash: str | None
    hash: str
    occurred_at: datetime
    recorded_at: datetime
    topic: str
    partition: int
    offset: int

    since_parent: timedelta | None = None
    """From the newest version that this one follows from; None for the first."""
    took_over_from: str | None = None
    """The agent whose failure was routed to this one."""
    link: Link = "start"
    """Whether `prev_hash` is the hash of versions of this case; `start`: it has none and needs none."""
    proof: Proof = "not read back"
    proof_detail: str = ""

    @property
    def failed(self) -> bool:
        return self.reason != "ok"


@dataclass(frozen=True, slots=True)
class StoryLetter:
    """A dead letter of the case."""

    workflow: str
    epoch: int
    agent: str
    reason: str
    detail: str | None
    fingerprint: str
    attempts: int | None
    first_failure: datetime
    last_failure: datetime
    topic: str
    partition: int
    offset: int
    trail: Any


@dataclass(frozen=True, slots=True)
class StoryEnding:
    """One life of the case and how it ended; `outcome` is None while it runs."""

    workflow: str
    epoch: int
    outcome: str | None
    failure_reason: str | None
    agent: str | None
    detail: str | None
    started_at: datetime
    ended_at: datetime | None
    turns: int
    failures: int
    degraded: bool


@dataclass(slots=True)
class CaseStory:
    """Everything the audit knows of a case."""

    namespace: str
    case_id: str
    versions: list[StoryVersion]
    endings: list[StoryEnding]
    letters: list[StoryLetter] = field(default_factory=list)
    unread_because: str = ""
    """Why no event was read back from Kafka, if none was."""

    @property
    def chain_holds(self) -> bool:
        """Every version says the hash of what it follows from, and none was found forged."""
        return all(one.link != "broken" and one.proof != "forged" for one in self.versions)

    @property
    def verified(self) -> bool:
        """The chain holds, and every event was read back from Kafka and is what the audit says."""
        return self.chain_holds and all(one.proof == "verified" for one in self.versions)
