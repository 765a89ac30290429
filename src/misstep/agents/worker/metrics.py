"""What a worker counts and measures, for Prometheus.

What stands in events is counted from the events, a transaction at a time and after its commit: so the figures agree
with the topics, and a turn costs a line in a tally.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, get_args

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from misstep.agents.breaker import Circuit
from misstep.agents.event_writer import OutcomeName
from misstep.agents.worker.turn_seconds import TurnSeconds
from misstep.contracts.event import DEGRADE, OK, OUTCOMES

if TYPE_CHECKING:
    from misstep.agents.worker.committer import Finished

ENDINGS = get_args(OutcomeName)
_DEGRADE = DEGRADE.encode()
_VERDICT = ("ce_failurereason", "ce_route", "ce_latencyms")
_BESIDE_A_TURN = frozenset({"undo", "dlq", OUTCOMES})


class Standing(Protocol):
    """What a reader says of itself whenever it is asked."""

    @property
    def held_because(self) -> Sequence[str]: ...
    @property
    def under_way(self) -> int: ...


class Metrics:
    """One worker's metrics, in a registry of their own so that a process can hold several."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._workflow = ""
        turn = ["workflow", "agent", "reason"]
        self._turns = self._counter("misstep_turns", "Turns committed, by agent and failure reason.", turn)
        self._turn_seconds = TurnSeconds()
        self.registry.register(self._turn_seconds)
        self._degraded = self._counter(
            "misstep_degraded_turns", "Turns that went on with a neutral default, by the failure it stands for.", turn
        )
        self._retries = self._counter("misstep_retries", "Attempts that will be made again.", turn)
        self._letters = self._counter("misstep_dead_letters", "Messages that exhausted their routes.", turn)
        self._undos = self._counter(
            "misstep_undos", "Steps that were undone, or could not be.", ["workflow", "agent", "result"]
        )
        self._ended = self._counter("misstep_cases_ended", "Cases that ended, by outcome.", ["workflow", "outcome"])
        self._duplicates = self._counter(
            "misstep_duplicate_cases", "Cases published again under a known id.", ["workflow", "agent"]
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
        self._failed = self._counter("misstep_transactions_failed", "Transactions made again, by error.", ["error"])
        self._backlog = self._gauge("misstep_commit_backlog", "Finished turns that wait for a transaction.", [])
        reader = ["workflow", "agent"]
        self._assigned = self._gauge("misstep_assigned_partitions", "Partitions held.", reader)
        self._under_way = self._gauge("misstep_turns_under_way", "Turns that run or wait for their next try.", reader)
        self._held = self._gauge(
            "misstep_held", "Reasons why an agent stands still (a pause, a breaker, a valve); 0: it works.", reader
        )
        self._breaker_state = self._gauge(
            "misstep_breaker_state", "A dependency's circuit: 0 closed, 1 half open, 2 open.", ["dependency"]
        )
        self._breaker_opened = self._counter("misstep_breaker_opened", "Circuits that opened.", ["dependency"])
        self._rate_wait_seconds = Histogram(
            "misstep_rate_wait_seconds",
            "How long calls waited for a dependency's rate; those that did not wait are not in it.",
            ["dependency"],
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
            registry=self.registry,
        )
        self._broker_rtt = self._gauge(
            "misstep_broker_rtt_seconds",
            "Round trip to a broker, p99, as librdkafka reports it.",
            ["client", "broker"],
        )
        self._lag = self._gauge(
            "misstep_consumer_lag", "Messages between position and end.", ["group", "topic", "partition"]
        )

    def _counter(self, name: str, says: str, labels: list[str]) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str, labels: list[str]) -> Gauge:
        return Gauge(name, says, labels, registry=self.registry)

    def of(self, workflow: str) -> Metrics:
        """The same metrics, for the agents of one workflow: what is told by agent is counted there."""
        bound = copy.copy(self)
        bound._workflow = workflow
        return bound

    # -- what is there from the start ---------------------------------------------------------------------------------

    def hosting(self, agent: str, standing: Standing, reasons: Iterable[str]) -> None:
        """An agent is hosted here: what can be counted of it stands at 0 before it happens, so that the first one is
        an increase; how it stands is asked whenever somebody looks."""
        workflow = self._workflow
        for reason in reasons:
            for counter in (self._turns, self._retries, self._letters):
                counter.labels(workflow, agent, reason)
        self._turns.labels(workflow, agent, OK)
        self._turn_seconds.hosting(workflow, agent)
        for outcome in ENDINGS:
            self._ended.labels(workflow, outcome)
        self._under_way.labels(workflow, agent).set_function(lambda: standing.under_way)
        self._held.labels(workflow, agent).set_function(lambda: len(standing.held_because))

    def undoing(self, agent: str) -> None:
        """An agent's undo is hosted here: both results stand at 0, so that the first failed one is an increase."""
        for result in (OK, "undo_failed"):
            self._undos.labels(self._workflow, agent, result)

    def waiting(self, backlog: Callable[[], int]) -> None:
        """How many finished turns wait for a transaction is asked there."""
        self._backlog.set_function(backlog)

    def guarding(self, dependencies: Iterable[str]) -> None:
        """These dependencies have a circuit, and it is closed."""
        for dependency in dependencies:
            self._breaker_state.labels(dependency).set(0)
            self._breaker_opened.labels(dependency)

    # -- the commit thread --------------------------------------------------------------------------------------------

    def committed(self, batch: Iterable[Finished], seconds: float) -> None:
        """A transaction was committed: count what its events say (turns, dead letters, outcomes, undos)."""
        size = 0
        tally: dict[tuple[str, bytes | None, bytes | None, bytes | None], int] = {}
        before = tally.get
        for turn in batch:
            size += 1
            for record in turn.records:
                topic, headers = record.topic, record.headers
                if _place(topic)[2]:
                    self._count_beside(topic, headers, record.value)
                    continue
                try:  # where they nearly always stand: a dictionary of the headers would cost three times as much
                    (first, reason), (second, route), (third, latency) = headers[15], headers[16], headers[20]
                except IndexError:
                    first = second = third = ""
                if first != "ce_failurereason" or second != "ce_route" or third != "ce_latencyms":
                    said = dict(headers)
                    reason, route, latency = (said.get(name) for name in _VERDICT)
                key = (topic, reason, route, latency)
                tally[key] = before(key, 0) + 1
                if route == _DEGRADE:
                    workflow, agent, _ = _place(topic)
                    self._degraded.labels(workflow, agent, _text(dict(headers).get("ce_degraded"))).inc()
        for (topic, reason, _, latency), turns in tally.items():
            if reason == b"ok" and topic.endswith(".failed"):
                continue  # the version with which a marked case stops: nothing ran
            workflow, agent, _ = _place(topic)
            self._turns.labels(workflow, agent, _text(reason)).inc(turns)
            self._turn_seconds.count(workflow, agent, int(latency or 0), turns)
        self._commit_seconds.observe(seconds)
        self._commit_turns.observe(size)

    def _count_beside(self, topic: str, headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> None:
        """Count an event that stands beside turns: an outcome, a dead letter, an undo."""
        workflow, _, beside = _place(topic)
        if beside == OUTCOMES:
            self.ended(workflow, _outcome_of(value))
        elif beside == "dlq":
            said = dict(headers)
            self._letters.labels(workflow, _text(said.get("dlq_agent")), _text(said.get("dlq_reason"))).inc()
        elif beside == "undo":
            said = dict(headers)
            if said.get("ce_agent") != b"undo":  # that is the command: nothing is undone yet
                self.of(workflow).undone(_text(said.get("ce_agent")), _text(said.get("ce_failurereason")))

    def undone(self, agent: str, result: str) -> None:
        """A step was undone (`ok`) or could not be (`undo_failed`). `committed` calls it for what a worker writes."""
        self._undos.labels(self._workflow, agent, result).inc()

    def ended(self, workflow: str, outcome: str) -> None:
        """A case ended. `committed` calls it for what a worker writes."""
        self._ended.labels(workflow, outcome).inc()

    def transaction_failed(self, error: str) -> None:
        self._failed.labels(error).inc()

    # -- readers and runners ------------------------------------------------------------------------------------------

    def retried(self, agent: str, reason: str) -> None:
        self._retries.labels(self._workflow, agent, reason).inc()

    def duplicate(self, agent: str) -> None:
        self._duplicates.labels(self._workflow, agent).inc()

    def assigned(self, agent: str, partitions: int) -> None:
        self._assigned.labels(self._workflow, agent).set(partitions)

    def circuit(self, dependency: str, state: int) -> None:
        """A circuit has changed: 0 closed, 1 half open, 2 open."""
        self._breaker_state.labels(dependency).set(state)
        if state == Circuit.OPEN:
            self._breaker_opened.labels(dependency).inc()

    def waited_for_rate(self, dependency: str, seconds: float) -> None:
        self._rate_wait_seconds.labels(dependency).observe(seconds)

    def broker_rtt(self, client: str, broker: str, seconds: float) -> None:
        self._broker_rtt.labels(client, broker).set(seconds)

    def lag(self, group: str, topic: str, partition: str, messages: int | None) -> None:
        """Messages between position and end; None: the partition is somebody else's now."""
        if messages is None:
            with suppress(KeyError):
                self._lag.remove(group, topic, partition)
        else:
            self._lag.labels(group, topic, partition).set(messages)


@lru_cache(maxsize=4096)
def _place(topic: str) -> tuple[str, str, str]:
    """Workflow, agent, and what the topic is besides an agent's own: `undo`, `dlq`, ...; empty for state versions."""
    _, workflow, *rest = [*topic.split(".", 2), ""][:3]
    agent, _, beside = (rest[0] if rest else "").partition(".")
    if agent in _BESIDE_A_TURN:
        return workflow, "", agent
    if beside not in ("", "failed") or not agent:
        return workflow, agent, beside or "elsewhere"
    return workflow, agent, ""


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


@lru_cache(maxsize=256)
def _outcome_of(value: bytes | None) -> str:
    """What an outcome's payload says; nearly all of a workflow's are the same bytes."""
    return str(orjson.loads(value or b"{}").get("outcome", ""))
