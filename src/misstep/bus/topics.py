"""Names of topics and consumer groups. The names are interfaces: producers, replays and audits are built on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RESERVED = frozenset({"cases", "undo", "outcomes", "dlq", "inbox", "failed", "parked", "operator", "coordinator"})
"""Names that no agent may have: they are the last part of a topic or group of every workflow, or who else acts."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one workflow in one namespace."""

    namespace: str
    workflow: str

    @property
    def cases(self) -> str:
        return f"{self.namespace}.{self.workflow}.cases"

    def agent(self, name: str) -> str:
        """That agent's `ok` state versions. For the agent name `cases` or `outcomes`: those topics."""
        return f"{self.namespace}.{self.workflow}.{name}"

    def failed(self, name: str) -> str:
        return f"{self.namespace}.{self.workflow}.{name}.failed"

    def inbox(self, name: str) -> str:
        return f"{self.namespace}.{self.workflow}.{name}.inbox"

    def parked(self, name: str) -> str:
        """What a join has heard of and not yet put together (compacted)."""
        return f"{self.namespace}.{self.workflow}.{name}.parked"

    def of_step(self, name: str, reason: str) -> str:
        """The topic that holds a step of `ce_history`: an agent's, or what stands beside it in the name."""
        agent, _, beside = name.partition(".")
        if beside == "undo" or name == "undo":
            return self.undo
        if beside == "inbox":
            return self.inbox(agent)
        if beside == "stop":
            return self.failed(agent)
        return self.agent(name) if reason == "ok" else self.failed(name)

    def step_name(self, topic: str) -> str:
        """The name in `ce_history` of what stands in a topic: the topic's name without namespace and workflow."""
        return topic.removeprefix(f"{self.namespace}.{self.workflow}.")

    @property
    def undo(self) -> str:
        return f"{self.namespace}.{self.workflow}.undo"

    @property
    def outcomes(self) -> str:
        return f"{self.namespace}.{self.workflow}.outcomes"

    @property
    def dlq(self) -> str:
        return f"{self.namespace}.{self.workflow}.dlq"

    def group(self, agent: str) -> str:
        """Consumer group of an agent, of an agent's undo (`extract.undo`), of the coordinator."""
        return f"{self.namespace}.{self.workflow}.{agent}"

    def audit_group(self) -> str:
        """Consumer group of the audit sink."""
        return f"{self.namespace}.{self.workflow}.audit-sink"

    def all(self, agents: Sequence[str], joins: Sequence[str] = ()) -> list[str]:
        """Every topic of the workflow. `joins`: those of the agents that join branches of a fork."""
        own = [topic for name in agents for topic in (self.agent(name), self.failed(name), self.inbox(name))]
        return [self.cases, *own, *map(self.parked, joins), self.undo, self.outcomes, self.dlq]


def contracts_topic(namespace: str) -> str:
    """Schema by sha256 (compacted)."""
    return f"{namespace}.contracts"


def control_topic(namespace: str) -> str:
    """Authority levels, pauses, cancellations (compacted)."""
    return f"{namespace}.control"


def ops_topic(namespace: str) -> str:
    """Every operator action, with actor and reason."""
    return f"{namespace}.ops"


def alerts_topic(namespace: str) -> str:
    """What the monitor found."""
    return f"{namespace}.alerts"
