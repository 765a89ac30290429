"""Carrying an answer out: the case goes on in a new life, once, whoever else answers at the same moment.

As in a replay: a row in `case_returns` is claimed first, the events and the action's record in `{ns}.ops` are one Kafka
transaction under an id of the case's own, and who finds a row that is not known to be sent looks the record up.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from misstep.agents.bring_back import (
    Stopped,
    Target,
    as_delivered,
    bring_back,
    completed,
    failed_turn,
    with_other_branches,
)
from misstep.agents.earlier import Recall
from misstep.agents.inbound import Delivered
from misstep.agents.plan import Plan
from misstep.agents.unwinding import Unwinding
from misstep.bus.ops import ops_end, ops_record, read_ops
from misstep.bus.topics import Topics
from misstep.contracts import SchemaSource
from misstep.contracts.event import COMPENSATE, END, MalformedEvent, Record
from misstep.dlq.actor import Actor
from misstep.dlq.answer import Answer
from misstep.dlq.last_version import read_stopped
from misstep.dlq.sending import Sender
from misstep.errors import AnswerIsNo
from misstep.store.connect import Connection
from misstep.store.queue import Waiting, drop_claim
from misstep.store.returns import Claimant, claim, mark_sent, returns_of, take_over
from misstep.store.standing import standings

ANSWER: Final = "answer"
"""The action's name in `{ns}.ops`."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an answer."""

    case_id: str
    workflow: str
    epoch: int
    """The case's new life."""
    way: str
    """`again`, `behind`, `completes` or `rejected`."""
    goes_to: tuple[str, ...]


class Answering:
    """Answers one escalated case of one workflow."""

    def __init__(
        self,
        connection: Connection,
        bootstrap: str,
        namespace: str,
        plan: Plan,
        waiting: Waiting,
        schemas: SchemaSource,
        recall: Recall,
        build: str,
        actor: Actor,
        *,
        seam: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._connection = connection
        self._bootstrap = bootstrap
        self._plan = plan
        self._topics = Topics(namespace, plan.workflow)
        self._waiting = waiting
        self._schemas = schemas
        self._recall = recall
        self._build = build
        self._actor = actor
        self._seam = seam
        self._life = (waiting.case_id, waiting.epoch + 1)

    def answer(self, said: Answer, how: str) -> Answered:
        """Give the case the answer. how: what it is, for the record (`payload`, `suggestion 2`)."""
        waiting = self._waiting

        def records(stopped: Stopped) -> list[Record]:
            turn = None
            if said.way == "again":
                turn = failed_turn(self._plan, self._topics, stopped, waiting.failed_in, self._recall)
            targets = [Target(name, said.value, said.kind, turn) for name in said.goes_to]
            if said.way != "completes":
                targets = with_other_branches(
                    self._plan, self._topics, stopped, waiting.failed_in, targets, self._recall
                )
            route = END if said.way == "completes" else "next"
            events = [self._event(stopped, target, f"answered by {self._actor.name}", how, route) for target in targets]
            if said.way == "completes":
                events.append(
                    completed(self._plan, self._topics, self._build, events[0], waiting.failed_in, now_ms=_now_ms())
                )
            return events

        return self._once(records, said.way, said.goes_to, how)

    def reject(self) -> Answered:
        """Take the case back: what it did is undone, and it ends compensated."""
        waiting = self._waiting

        def records(stopped: Stopped) -> list[Record]:
            value, headers = self._escalated()
            if not headers:
                raise LookupError(f"{waiting.topic} [{waiting.partition}] @ {waiting.offset} is no longer in Kafka")
            failed = Delivered(
                waiting.topic,
                waiting.partition,
                waiting.offset,
                0,
                stopped.case_id.encode(),
                value,
                list(headers.items()),
            )
            event = self._event(
                stopped, Target(waiting.failed_in, None, []), f"rejected by {self._actor.name}", "rejected", COMPENSATE
            )
            unwinding = Unwinding(
                self._plan,
                self._topics,
                self._build,
                recall=self._recall_soon,
                schemas=self._schemas,
                hosted={},
                now_ms=_now_ms,
            )
            message = as_delivered(event, _now_ms())
            taken_back = unwinding.reject(message, failed, by=self._actor.name, why=self._actor.reason)
            return [event, *asyncio.run(_run(taken_back))]

        return self._once(records, "rejected", (), "rejected")

    # -- once ---------------------------------------------------------------------------------------------------------

    def _once(
        self, records: Callable[[Stopped], Sequence[Record]], way: str, goes_to: tuple[str, ...], how: str
    ) -> Answered:
        connection, waiting, namespace = self._connection, self._waiting, self._topics.namespace
        workflow = self._plan.workflow
        with self._alone():
            stopped = self._stopped()
            try:
                events = records(stopped)
            except (LookupError, MalformedEvent) as error:
                raise AnswerIsNo(f"What case {waiting.case_id} went through cannot be read: {error}.") from None
            ops_from = ops_end(self._bootstrap, namespace)
            sender = Sender(self._bootstrap, self._transactional_id(stopped), seam=self._seam)
            who = Claimant(namespace, workflow, ANSWER, self._actor.name, self._actor.reason)
            if not claim(connection, who, [(*self._life, None)], ops_from):
                self._take_over_or_refuse(who)
            self._seam("claimed")
            op = ops_record(
                namespace,
                stopped.case_id,
                ANSWER,
                actor=self._actor.name,
                reason=self._actor.reason,
                how=how,
                workflow=workflow,
                case_id=stopped.case_id,
                epoch=waiting.epoch + 1,
                agent=waiting.failed_in,
                goes_to=list(goes_to),
            )
            sender.send([*events, op])
            mark_sent(connection, namespace, workflow, [self._life])
            drop_claim(connection, namespace, waiting)
        return Answered(stopped.case_id, workflow, waiting.epoch + 1, way, goes_to)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        key = f"misstep.answer.{self._topics.namespace}.{self._plan.workflow}.{self._life}"
        row = self._connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
        if not row or not row[0]:
            raise AnswerIsNo(f"Somebody else is answering case {self._waiting.case_id} at this moment.")
        try:
            yield
        finally:
            if not self._connection.closed:
                self._connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])

    def _stopped(self) -> Stopped:
        """The version that the case ended with. AnswerIsNo when it no longer waits."""
        waiting = self._waiting
        life = (waiting.case_id, waiting.epoch)
        stand = standings(self._connection, self._topics.namespace, self._plan.workflow, [life])[life]
        if stand.returned is not None and stand.returned.sent_at is not None:
            raise AnswerIsNo(
                f"Case {waiting.case_id} was answered by {stand.returned.actor} at "
                f"{stand.returned.at:%Y-%m-%d %H:%M:%S} already."
            )
        if stand.last is None:
            raise AnswerIsNo(f"The version that case {waiting.case_id} ended with is not in the audit.")
        case_id = self._true_case_id()
        try:
            return read_stopped(self._connection, self._topics, self._recall, case_id, waiting.epoch, stand.last)
        except (LookupError, MalformedEvent) as error:
            raise AnswerIsNo(f"What case {waiting.case_id} went through cannot be read: {error}.") from None

    def _take_over_or_refuse(self, who: Claimant) -> None:
        """Somebody has claimed the new life. Did it come to sending it? Its id is ours now, so it will not any more."""
        holder = returns_of(self._connection, who.namespace, who.workflow, [self._life])[self._life]
        sent = holder.sent_at is not None
        if not sent and holder.how == ANSWER:
            case_id = self._true_case_id()
            for said in read_ops(self._bootstrap, who.namespace, holder.ops_from):
                if said.get("action") == ANSWER and (said.get("case_id"), said.get("epoch")) == (
                    case_id,
                    self._life[1],
                ):
                    sent = True
                    mark_sent(self._connection, who.namespace, who.workflow, [self._life])
        if (
            sent
            or holder.how != ANSWER
            or not take_over(self._connection, who.namespace, who.workflow, self._life, who)
        ):
            raise AnswerIsNo(
                f"Case {self._waiting.case_id} was answered by {holder.actor} at "
                f"{holder.claimed_at:%Y-%m-%d %H:%M:%S} already."
            )

    # -- events -------------------------------------------------------------------------------------------------------

    def _event(self, stopped: Stopped, target: Target, who_did: str, how: str, route: str) -> Record:
        return bring_back(
            self._plan,
            self._topics,
            self._build,
            stopped,
            target,
            now_ms=_now_ms(),
            justification=f"{who_did}: {self._actor.reason}",
            evidence={"action": ANSWER, "actor": self._actor.name, "reason": self._actor.reason, "how": how},
            route=route,
        )

    def _escalated(self) -> tuple[bytes | None, Mapping[str, bytes]]:
        try:
            return self._recall(self._waiting.topic, self._waiting.partition, self._waiting.offset)
        except LookupError:
            return None, {}

    def _true_case_id(self) -> str:
        _, headers = self._escalated()
        subject = headers.get("ce_subject")
        return subject.decode("utf-8", "replace") if subject else self._waiting.case_id

    async def _recall_soon(self, topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
        return self._recall(topic, partition, offset)

    def _transactional_id(self, stopped: Stopped) -> str:
        life = hashlib.sha256(f"{stopped.case_id}/{self._life[1]}".encode()).hexdigest()[:16]
        return f"{self._topics.namespace}.answer.{self._plan.workflow}.{life}"


async def _run(records: Awaitable[list[Record]]) -> list[Record]:
    return await records


def _now_ms() -> int:
    return int(time.time() * 1000)
