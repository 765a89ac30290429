"""The watchdog: cases that stand still past their time budget are ended in the place of the agent that is down.

It looks at the audit. One of any number is active, by an advisory lock in Postgres. For a stalled case it first writes
a stand-in into the control topic, which says in whose place it will act and up to which version. An agent that reads
such a version later leaves it alone, and one whose turn was running drops its result. Only after `WAIT_S`, when
whatever was finished before that could be seen is committed or fenced, it reads the log again; if the version is still
unanswered, the agent's `latency_blow` is written on its route, in one transaction with the stand-in that says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from misstep.agents.decide import TryAgain
from misstep.agents.emit import Emitter
from misstep.agents.inbound import LATENCY_BLOW, Delivered, Inbound, Verdict, header_map, opened_inbound
from misstep.agents.join import Held, merge
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.settle import settle
from misstep.agents.stalled import Pending, pending
from misstep.agents.worker.control import Control
from misstep.bus.client_log import client_logger
from misstep.bus.config import TRANSACTION_TIMEOUT_MS, producer_config, reader_config
from misstep.bus.marks import stand_in_record
from misstep.bus.recall import EventReader
from misstep.bus.topics import Topics
from misstep.contracts import Reader as ContractReader
from misstep.contracts import SchemaSource
from misstep.contracts.control import DEADLINE, CaseKey, Mark, StandIn
from misstep.contracts.event import Record, Timestamps, now_ms
from misstep.errors import MisstepError, ServerUnreachable
from misstep.store.connect import Connection, connect
from misstep.store.sink_offsets import group_places
from misstep.store.unended import unended, versions_of

log = structlog.get_logger(__name__)

SWEEP_S: Final = 1.0
GRACE_S: Final = 3.0
"""An agent that is alive ends an overdue case itself; it is given this long."""
WAIT_S: Final = TRANSACTION_TIMEOUT_MS / 1000 + 2
"""From the stand-in to the deed: what was finished before its worker saw it is committed or fenced by then."""
LOOK_BACK: Final = timedelta(hours=24)
"""How far back a watchdog that begins looks for cases that nobody has watched."""
BATCH_RECORDS: Final = 1_000
ACTOR: Final = "watchdog"
LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"


@dataclass
class Watched:
    """A case that may stand still."""

    plan: Plan
    case_id: str
    epoch: int
    said_at: float | None = None
    """When this watchdog saw or wrote the stand-in (monotonic)."""

    @property
    def key(self) -> CaseKey:
        return self.plan.workflow, self.case_id, self.epoch


@dataclass
class Watchdog:
    """Watches over the cases of one namespace."""

    bootstrap: str
    dsn: str
    namespace: str
    plans: Sequence[Plan]
    build: str
    schemas: SchemaSource
    wait_s: float = WAIT_S
    grace_s: float = GRACE_S
    _watched: dict[CaseKey, Watched] = field(default_factory=dict)
    _times: Timestamps = field(default_factory=Timestamps)

    def run(self, stop: threading.Event) -> None:
        """Stand by until the lock is free, then watch; whatever goes wrong is logged and begun again."""
        while not stop.is_set():
            try:
                with connect(self.dsn, application=f"{self.namespace}.watchdog") as connection:
                    if self._lock(connection):
                        log.info("watching over deadlines", namespace=self.namespace)
                        self._watch(connection, stop)
            except (psycopg.Error, ServerUnreachable) as error:
                log.info("the watchdog waits for Postgres", error=str(error).splitlines()[0])
            except KafkaException as error:
                log.warning("the watchdog begins again", error=error.args[0].str())
            except MisstepError as error:
                log.warning("the watchdog begins again", error=str(error))
            stop.wait(2)

    def _lock(self, connection: Connection) -> bool:
        row = connection.execute(LOCK, [f"misstep.watchdog.{self.namespace}"]).fetchone()
        return bool(row and row[0])

    def _watch(self, connection: Connection, stop: threading.Event) -> None:
        producer = Producer(
            producer_config(self.bootstrap, f"{self.namespace}.{ACTOR}"), logger=client_logger("watchdog")
        )
        producer.init_transactions(30)  # shuts a predecessor out that does not know yet that it lost the lock
        ended = threading.Event()
        control = Control(self.bootstrap, self.namespace, f"{self.namespace}.{ACTOR}")
        thread = threading.Thread(
            target=control.run, args=(lambda: stop.is_set() or ended.is_set(),), name="watchdog control", daemon=True
        )
        thread.start()
        recall = EventReader(self.bootstrap, f"{self.namespace}.{ACTOR}")
        self._watched.clear()
        swept = {plan.workflow: datetime.now(UTC) - LOOK_BACK for plan in self.plans}
        try:
            control.known.wait()
            while not stop.is_set() and thread.is_alive():
                for plan in self.plans:
                    until = datetime.now(UTC) - timedelta(milliseconds=plan.deadline_ms, seconds=self.grace_s)
                    self._sweep(connection, plan, swept[plan.workflow], until)
                    swept[plan.workflow] = max(until, swept[plan.workflow])
                self._notice_marks(control)
                self._go_on(connection, control, producer, recall)
                stop.wait(SWEEP_S)
        finally:
            ended.set()
            recall.close()

    # -- who is watched -----------------------------------------------------------------------------------------------

    def _sweep(self, connection: Connection, plan: Plan, after: datetime, until: datetime) -> None:
        if until <= after:
            return
        for case_id, epoch in unended(connection, self.namespace, plan.workflow, after, until):
            watched = Watched(plan, case_id, epoch)
            self._watched.setdefault(watched.key, watched)

    def _notice_marks(self, control: Control) -> None:
        """A cancelled case whose agent is down is ended here too; so is what a predecessor had begun to end."""
        plans = {plan.workflow: plan for plan in self.plans}
        begun = [case for case, stand_in in list(control.stand_ins.items()) if not stand_in.acted]
        old = [case for case, mark in list(control.marks.items()) if _age_s(mark) > self.grace_s]
        for workflow, case_id, epoch in (*begun, *old):
            ended = control.stand_ins.get((workflow, case_id, epoch))
            if workflow in plans and (ended is None or not ended.acted):
                watched = Watched(plans[workflow], case_id, epoch)
                self._watched.setdefault(watched.key, watched)

    # -- what is done -------------------------------------------------------------------------------------------------

    def _go_on(self, connection: Connection, control: Control, producer: Producer, recall: EventReader) -> None:
        """One round over the watched cases: say that it will act, or act, or let go."""
        records: list[Record] = []
        for key, case in list(self._watched.items()):
            records += self._round(connection, case, control.marks.get(key), control.stand_ins.get(key), recall)
            if len(records) > BATCH_RECORDS:
                break
        if records:
            self._write(producer, records)

    def _round(
        self, connection: Connection, case: Watched, mark: Mark | None, stand_in: StandIn | None, recall: EventReader
    ) -> list[Record]:
        stands = pending(
            case.plan,
            Topics(self.namespace, case.plan.workflow),
            versions_of(connection, self.namespace, case.plan.workflow, case.case_id, case.epoch),
        )
        if not stands or (stand_in is not None and stand_in.acted):
            return self._let_go(case, stand_in)
        if stand_in is None:
            said = self._stand_in(mark, stands, recall) if case.said_at is None else None
            if said is None:
                return []
            case.said_at = time.monotonic()
            return [stand_in_record(self.namespace, *case.key, said)]
        if case.said_at is None:  # a predecessor's: when it was seen is not known, so wait in full
            case.said_at = time.monotonic()
        if time.monotonic() - case.said_at < self.wait_s:
            return []
        stands = [one for one in stands if one.agent in stand_in.agents]
        if not stands:  # the case went on before the stand-in was seen
            return self._let_go(case, stand_in)
        if self._moved(connection, case, stands):
            return []
        return self._in_their_place(case, stand_in, stands, recall)

    def _stand_in(self, mark: Mark | None, stands: Sequence[Pending], recall: EventReader) -> StandIn | None:
        """In whose place this watchdog will act, and why; None while the case has time left."""
        version = max(one.version for pend in stands for one in pend.versions)
        agents = tuple(dict.fromkeys(pend.agent for pend in stands))
        if mark is not None:
            return StandIn(**mark.model_dump(), version=version, agents=agents)
        for pend in stands:
            for one in pend.versions:
                _, headers = recall(one.topic, one.partition, one.offset)
                deadline = headers.get("ce_deadline", b"")
                if deadline and deadline > self._times.text(now_ms() - round(self.grace_s * 1000)):
                    return None
        return StandIn(
            action=DEADLINE,
            actor=ACTOR,
            reason=f"{' and '.join(agents)} did not take it up within the case's time budget",
            at=self._times.text(now_ms()).decode(),
            version=version,
            agents=agents,
        )

    def _let_go(self, case: Watched, stand_in: StandIn | None) -> list[Record]:
        """The case has ended or went on by itself: a stand-in that did not act is taken away."""
        del self._watched[case.key]
        if stand_in is None or stand_in.acted:
            return []
        return [stand_in_record(self.namespace, *case.key, None)]

    def _moved(self, connection: Connection, case: Watched, stands: Sequence[Pending]) -> bool:
        """Does Kafka hold an event of the case that the audit does not know yet? Then look again later."""
        topics = Topics(self.namespace, case.plan.workflow)
        audited = group_places(connection, topics.audit_group())
        partition = stands[0].versions[0].partition
        asked = [topic for pend in stands for topic in (topics.agent(pend.agent), topics.failed(pend.agent))]
        places = {topic: audited.get((topic, partition), 0) for topic in (*asked, topics.undo, topics.outcomes)}
        tails = self._keys_since([(topic, partition, offset) for topic, offset in places.items()])
        return any(key == case.case_id.encode() for key in tails)

    def _keys_since(self, places: Sequence[tuple[str, int, int]]) -> Iterator[bytes | None]:
        """Keys of the committed messages from these offsets to the present ends."""
        consumer = Consumer(reader_config(self.bootstrap, f"{self.namespace}.{ACTOR}.tail"))
        try:
            consumer.assign([TopicPartition(topic, at, offset or OFFSET_BEGINNING) for topic, at, offset in places])
            left = {(topic, at) for topic, at, _ in places}
            until = time.monotonic() + 15
            while left:
                if time.monotonic() > until:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the log could not be read to its end"))
                for message in consumer.consume(500, 0.1):
                    error = message.error()
                    if error is None:
                        yield message.key()
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard((message.topic() or "", message.partition() or 0))
        finally:
            threading.Thread(target=consumer.close, name="close watchdog tail", daemon=True).start()

    def _in_their_place(
        self, case: Watched, stand_in: StandIn, stands: Sequence[Pending], recall: EventReader
    ) -> list[Record]:
        """What the agents that are down would have written, and the stand-in that says that it is done."""
        records: list[Record] = []
        for pend in stands:
            agent = case.plan.agents[pend.agent]
            try:
                records += self._answer(case.plan, agent, pend, stand_in, recall)
            except LookupError as error:
                log.error("a stalled case cannot be ended", case_id=case.case_id, why=str(error))
                return []
            log.warning(
                "a stalled case is ended", case_id=case.case_id, workflow=case.plan.workflow, in_place_of=pend.agent
            )
        del self._watched[case.key]
        acted = stand_in.model_copy(update={"acted": True})
        return [*records, stand_in_record(self.namespace, *case.key, acted)]

    def _answer(
        self, plan: Plan, agent: AgentPlan, pend: Pending, stand_in: StandIn, recall: EventReader
    ) -> list[Record]:
        topics = Topics(self.namespace, plan.workflow)
        emitter = Emitter(plan, agent, topics, self.build)
        now = now_ms()
        inbound = self._inbound(plan, agent, topics, pend, recall)
        if isinstance(inbound, Held):
            return emitter.carried_out(inbound, now)
        if stand_in.action != DEADLINE:
            return emitter.stopped(inbound, stand_in, now_ms=now)
        deadline = inbound.deadline.decode()
        verdict = Verdict(
            reason=LATENCY_BLOW,
            detail=f"{agent.name} did not take the case up before its time budget of {plan.deadline_ms} ms was over",
            evidence={"by": ACTOR, "deadline": deadline},
        )
        result = settle(agent, emitter, inbound, None, verdict, now)
        assert not isinstance(result, TryAgain)
        return result

    def _inbound(
        self, plan: Plan, agent: AgentPlan, topics: Topics, pend: Pending, recall: EventReader
    ) -> Inbound | Held:
        messages = []
        for one in pend.versions:
            value, headers = recall(one.topic, one.partition, one.offset)
            key = headers.get("ce_subject") or None
            messages.append(
                Delivered(one.topic, one.partition, one.offset, now_ms(), key, value, list(headers.items()))
            )
        if not agent.joins:
            inbound = opened_inbound(plan, topics, messages[0], header_map(messages[0].headers))
            inbound.deadline = inbound.deadline or self._times.text(now_ms())
            return inbound
        readers = {contract.__contract__.name: ContractReader((contract,), self.schemas) for contract in agent.joins}
        halves = {}
        for message in messages:
            sender = plan.agents.get(topics.step_name(message.topic).partition(".")[0])
            halves[sender.branch if sender is not None else ""] = message
        now = self._times.text(now_ms())
        return merge(plan, agent, topics, halves, readers, now=now, deadline=lambda: now)

    def _write(self, producer: Producer, records: Sequence[Record]) -> None:
        """All of them or none."""
        producer.begin_transaction()
        try:
            for record in records:
                headers: Any = list(record.headers)
                producer.produce(record.topic, record.value, record.key, record.partition, headers=headers)
            producer.commit_transaction()
        except KafkaException as error:
            if not error.args[0].fatal():
                producer.abort_transaction()
            raise


def _age_s(mark: Mark) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(mark.at)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")
