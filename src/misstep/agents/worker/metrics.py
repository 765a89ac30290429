"""What a worker counts and measures, for Prometheus."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from misstep.agents.worker.committer import Finished


class Metrics:
    """One worker's metrics, in a registry of their own so that a process can hold several."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._turns = Counter(
            "misstep_turns",
            "Turns committed, by agent and failure reason.",
            ["agent", "reason"],
            registry=self.registry,
        )
        self._duplicates = Counter(
            "misstep_duplicate_cases", "Cases published again under a known id.", ["agent"], registry=self.registry
        )
        self._retries = Counter(
            "misstep_retries", "Attempts that will be made again.", ["agent", "reason"], registry=self.registry
        )
        self._commit_seconds = Histogram(
            "misstep_commit_seconds",
            "From begin to commit of a transaction.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )
        self._commit_turns = Histogram(
            "misstep_commit_turns",
            "Finished turns in a transaction.",
            buckets=(1, 3, 10, 30, 100, 300, 1000, 2000),
            registry=self.registry,
        )
        self._failed = Counter(
            "misstep_transactions_failed", "Transactions made again, by error.", ["error"], registry=self.registry
        )
        self._assigned = Gauge("misstep_assigned_partitions", "Partitions held.", ["agent"], registry=self.registry)
        self._broker_rtt = Gauge(
            "misstep_broker_rtt_seconds",
            "Round trip to a broker, p99, as librdkafka reports it.",
            ["client", "broker"],
            registry=self.registry,
        )
        self._lag = Gauge(
            "misstep_consumer_lag",
            "Messages between position and end.",
            ["group", "topic", "partition"],
            registry=self.registry,
        )

    def committed(self, batch: Iterable[Finished], seconds: float) -> None:
        """A transaction was committed."""
        tally = Tally((turn.group.name, turn.reason) for turn in batch)
        for (agent, reason), count in tally.items():
            self._turns.labels(agent, reason).inc(count)
        self._commit_seconds.observe(seconds)
        self._commit_turns.observe(tally.total())

    def transaction_failed(self, error: str) -> None:
        self._failed.labels(error).inc()

    def retried(self, agent: str, reason: str) -> None:
        self._retries.labels(agent, reason).inc()

    def duplicate(self, agent: str) -> None:
        self._duplicates.labels(agent).inc()

    def assigned(self, agent: str, partitions: int) -> None:
        self._assigned.labels(agent).set(partitions)

    def broker_rtt(self, client: str, broker: str, seconds: float) -> None:
        self._broker_rtt.labels(client, broker).set(seconds)

    def lag(self, group: str, topic: str, partition: str, messages: int) -> None:
        self._lag.labels(group, topic, partition).set(messages)
