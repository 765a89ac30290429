"""What a topic of a workflow means to the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from misstep.bus.topics import Topics
from misstep.contracts.event import CASES, OPERATOR, OUTCOMES


@dataclass(frozen=True, slots=True)
class Source:
    """One topic: which rows its messages become, and what stands in for headers that are not there."""

    topic: str
    kind: str
    """`case`, `turn`, `undo`, `outcome` or `operator`; `letter` for dead letters, which have a table of their own."""
    agent: str
    failed: bool

    def kind_of(self, authority: bytes | None) -> str:
        """The kind of an event by its `ce_authority`: where an operator's mark stopped an agent, that is no turn."""
        return "operator" if authority == b"operator" and self.kind == "turn" else self.kind

    @property
    def initial(self) -> bool:
        """Messages without headers are state version 0 here, and broken events everywhere else."""
        return self.kind == "case"


def sources(topics: Topics, agents: Sequence[str]) -> dict[str, Source]:
    """The topics that the audit reads, by name."""
    found = [
        Source(topics.cases, "case", CASES, False),
        *(Source(topics.agent(name), "turn", name, False) for name in agents),
        *(Source(topics.failed(name), "turn", name, True) for name in agents),
        *(Source(topics.inbox(name), "operator", OPERATOR, False) for name in agents),
        Source(topics.undo, "undo", "undo", False),
        Source(topics.outcomes, "outcome", OUTCOMES, False),
        Source(topics.dlq, "letter", "dlq", False),
    ]
    return {source.topic: source for source in found}
