"""The readers of a worker: who is heard, by whom it is answered, where the answers go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TopicPartition

from misstep.agents.decide import TryAgain
from misstep.agents.emit import Emitter
from misstep.agents.inbound import Delivered
from misstep.agents.join import Gathering
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.subscription import Subscription, of_agent, of_coordinator, of_join, of_parking, of_undo, shares_of
from misstep.agents.unwinding import Unwinding
from misstep.agents.wiring import Wiring
from misstep.agents.worker.around import Around
from misstep.agents.worker.carrying import Carrying, nothing_carried
from misstep.agents.worker.circuits import Circuits
from misstep.agents.worker.control import Control
from misstep.agents.worker.gate import Alone
from misstep.agents.worker.joining import JoinHandling, ParkingRunner
from misstep.agents.worker.lane import Lane
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.reader import Reader
from misstep.agents.worker.readers import Readers
from misstep.agents.worker.recent import Recent
from misstep.agents.worker.runner import InlineRunner, LoopRunner, Runner
from misstep.agents.worker.saga_runner import SagaRunner, Tries
from misstep.agents.worker.tripwire import Tripwire
from misstep.agents.worker.work import Handling
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.alerts import Alerts
from misstep.bus.client_log import STATISTICS_INTERVAL_MS, client_logger, statistics_callback
from misstep.bus.config import consumer_config
from misstep.bus.marks import pause_agent
from misstep.bus.recall import EventReader
from misstep.bus.topics import Topics, control_topic
from misstep.contracts import Reader as ContractReader
from misstep.contracts import SchemaSource
from misstep.contracts.event import Record, now_ms
from misstep.store.checkpoint import CheckpointStore


@dataclass
class Assembly:
    """Everything that a worker's readers share."""

    settings: WorkerSettings
    hosted: Sequence[tuple[Plan, AgentPlan]]
    coordinating: Sequence[Plan]
    schemas: SchemaSource
    wiring: Wiring
    metrics: Metrics
    instances: Mapping[Any, Any]
    recall: EventReader
    recent: Recent
    control: Control
    loop: asyncio.AbstractEventLoop
    pool: ThreadPoolExecutor
    circuits: Circuits
    checkpoints: CheckpointStore
    alerts: Alerts
    stopping: Callable[[], bool]
    turns: Lane
    """Where agents' turns are committed."""
    saga: Lane
    """Where coordinators' commands and undos are."""
    alone: Alone = field(default_factory=Alone)
    carrying: Carrying = field(default_factory=Carrying)

    def readers(self) -> Iterator[Reader]:
        """One for each agent, each undo, and for the coordinator of each workflow."""
        for plan, agent in self.hosted:
            if agent.joins:
                yield self._parking(plan, agent)
            yield from self._agent(plan, agent)
        for plan in {plan.workflow: plan for plan in (*(plan for plan, _ in self.hosted), *self.coordinating)}.values():
            yield from self._saga(plan)

    @property
    def _consumers(self) -> int:
        """About how many there are."""
        agents = sum(2 + (agent.undo is not None) for _, agent in self.hosted)
        return max(1, agents + len(self.coordinating))

    # -- agents -------------------------------------------------------------------------------------------------------

    def _agent(self, plan: Plan, agent: AgentPlan) -> Iterator[Reader]:
        topics = Topics(self.settings.namespace, plan.workflow)
        whole = of_join(agent, topics) if agent.joins else of_agent(agent, topics)
        tripwire = self._tripwire(plan.workflow, agent)
        one_at_a_time = threading.RLock()
        readers = [self._share(plan, agent, subscription, tripwire, one_at_a_time) for subscription in shares_of(whole)]
        together = Readers(readers)
        if tripwire is not None:
            tripwire.reader = together
            readers[0].tripwire = tripwire
        self.metrics.of(plan.workflow).hosting(agent.name, together, agent.chains)
        self.circuits.pause(agent, together)
        yield from readers

    def _share(
        self,
        plan: Plan,
        agent: AgentPlan,
        subscription: Subscription,
        tripwire: Tripwire | None,
        one_at_a_time: threading.RLock,
    ) -> Reader:
        """A reader of what an agent hears, or of a part of that."""
        topics = Topics(self.settings.namespace, plan.workflow)
        metrics = self.metrics.of(plan.workflow)
        inline = not agent.agent.is_async and not agent.agent.blocking
        shared: dict[str, Any] = {
            "contract_reader": ContractReader(agent.accepts, self.schemas),
            "emitter": Emitter(plan, agent, topics, self.settings.build),
            "surroundings": Around(
                plan,
                topics,
                self.recall,
                self.schemas,
                self.wiring.dependency_names,
                agent=agent,
                guards=self.circuits.guards,
                checkpoints=self.checkpoints,
            ),
            "recall": self.recall,
            "submit": self.turns.committer.submit,
            "metrics": metrics,
            "control": self.control,
            "tripwire": tripwire,
            "carry": self.carrying.go_on if self.settings.carry and inline else nothing_carried,  # not on the loop
            "dependencies": [self.instances[kind] for _, kind in agent.dependencies],
        }
        if agent.joins:
            handling: Handling = JoinHandling(plan, agent, topics, schemas=self.schemas, **shared)
            gathering = Gathering(len(agent.joins))
        else:
            handling, gathering = Handling(plan, agent, topics, **shared), None
        runner: Runner
        if inline:
            runner = carrier = InlineRunner(handling, one_at_a_time)
            if not agent.joins:
                self.carrying.add(subscription, carrier)
        else:
            runner = LoopRunner(handling, self.loop, self.pool)
        limit = agent.valve.of if agent.valve is not None and not inline else None  # what a valve lets through late
        reader = self._reader(
            self.turns, subscription, runner, metrics, gathering, budget_ms=agent.budget_ms, under_way_max=limit
        )
        reader.agent = (plan.workflow, agent.name)
        self._let_remember(plan, reader)
        return reader

    def _tripwire(self, workflow: str, agent: AgentPlan) -> Tripwire | None:
        if agent.valve is None:
            return None
        bootstrap, namespace = self.settings.bootstrap, self.settings.namespace
        return Tripwire(
            workflow,
            agent.name,
            agent.valve,
            alerts=self.alerts,
            pause=lambda pause: pause_agent(bootstrap, namespace, workflow, agent.name, pause),
            worker=self.settings.slot,
            stopping=self.stopping,
        )

    def _parking(self, plan: Plan, agent: AgentPlan) -> Reader:
        topics = Topics(self.settings.namespace, plan.workflow)
        runner = ParkingRunner(plan, agent, topics, self.turns.committer.submit)
        reader = self._reader(self.turns, of_parking(plan, agent, topics), runner, self.metrics.of(plan.workflow))
        self._let_remember(plan, reader)
        return reader

    def _let_remember(self, plan: Plan, reader: Reader) -> None:
        """What may have to be undone is wanted again soon."""
        if any(agent.undo is not None for agent in plan.agents.values()):
            reader.remember = self.recent.remember

    # -- the saga -----------------------------------------------------------------------------------------------------

    def _saga(self, plan: Plan) -> Iterator[Reader]:
        topics = Topics(self.settings.namespace, plan.workflow)
        undos = [agent for of, agent in self.hosted if of.workflow == plan.workflow and agent.undo is not None]
        coordinates = plan in self.coordinating  # also where no route compensates: an operator may cancel
        if not undos and not coordinates:
            return
        unwinding = Unwinding(
            plan,
            topics,
            self.settings.build,
            recall=self._recall_soon,
            schemas=self.schemas,
            hosted={
                agent.name: [self.instances[kind] for _, kind in agent.undo.dependencies]
                for agent in undos
                if agent.undo is not None
            },
            now_ms=now_ms,
            checkpoints=self.checkpoints.of_turn,
        )
        for agent in undos:
            yield self._undo(unwinding, agent.name, topics)
        if coordinates:
            yield self._coordinator(unwinding, plan, topics)

    def _undo(self, unwinding: Unwinding, agent: str, topics: Topics) -> Reader:
        async def answer(message: Delivered, tries: Tries, deaths: int) -> list[Record] | TryAgain:
            return await unwinding.undo(agent, message, tries, deaths=deaths)

        subscription = of_undo(agent, topics)
        metrics = self.metrics.of(topics.workflow)
        metrics.undoing(agent)
        runner = SagaRunner(subscription.name, answer, self.saga.committer.submit, self.loop, metrics)
        return self._reader(self.saga, subscription, runner, metrics)

    def _coordinator(self, unwinding: Unwinding, plan: Plan, topics: Topics) -> Reader:
        async def answer(message: Delivered, tries: Tries, deaths: int) -> list[Record] | TryAgain:
            return await unwinding.begin(message, deaths=deaths)

        subscription = of_coordinator(plan, topics)
        metrics = self.metrics.of(topics.workflow)
        runner = SagaRunner(subscription.name, answer, self.saga.committer.submit, self.loop, metrics)
        return self._reader(self.saga, subscription, runner, metrics)

    async def _recall_soon(self, topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
        known = self.recent.known(topic, partition, offset)
        return known if known is not None else await asyncio.to_thread(self.recall, topic, partition, offset)

    # -- any reader ---------------------------------------------------------------------------------------------------

    def _reader(
        self,
        lane: Lane,
        subscription: Subscription,
        runner: Runner,
        metrics: Metrics,
        gathering: Gathering | None = None,
        *,
        budget_ms: int = 0,
        under_way_max: int | None = None,
    ) -> Reader:
        settings = self.settings
        config = consumer_config(
            settings.bootstrap,
            subscription.group,
            lane.transactional_id,
            settings.slot,
            consumers=self._consumers,
            **{
                "logger": client_logger(f"consumer {subscription.name}"),
                "statistics.interval.ms": STATISTICS_INTERVAL_MS,
                "stats_cb": statistics_callback(subscription.group, metrics),
                **settings.consumer,
            },
        )
        reader = Reader(
            subscription,
            config=config,
            bootstrap=settings.bootstrap,
            takeover=lane.takeover,
            transactional_id=lane.transactional_id,
            commits=lane.committer,
            beside=TopicPartition(control_topic(settings.namespace), 0, 0),
            runner=runner,
            metrics=metrics,
            gathering=gathering,
            alone=self.alone,
            under_way_max=under_way_max,
            stuck_after_s=max(settings.stuck_after_s, budget_ms / 100),
        )
        lane.readers.append(reader)
        return reader
