"""One message's way through a worker, from delivery to a finished turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from misstep.agents.decide import TryAgain
from misstep.agents.earlier import Recall
from misstep.agents.emit import Emitter
from misstep.agents.inbound import Delivered, Inbound, Verdict, admit, opened_inbound
from misstep.agents.killer import killer
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.settle import make_turn, settle
from misstep.agents.turn import Surroundings, Turn
from misstep.agents.worker.carrying import Carry, nothing_carried
from misstep.agents.worker.committer import Finished, Group
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.tripwire import Tripwire
from misstep.bus.suspicion import KILLS
from misstep.bus.topics import Topics
from misstep.bus.window import Window
from misstep.contracts import Contract
from misstep.contracts import Reader as ContractReader
from misstep.contracts.control import CaseKey, Mark, StandIn, what_to_do
from misstep.contracts.event import OK, Record, Timestamps

log = structlog.get_logger(__name__)

BEGUN_MAX = 10_000
"""Turns whose first attempts are remembered until their event has come through Kafka."""


@dataclass(slots=True, eq=False)
class Work:
    """A message that this agent must answer with one state version."""

    window: Window
    position: int
    message: Delivered
    headers: Mapping[str, bytes]
    case_id: str
    inbound: Inbound | None = None
    halves: Mapping[str, Delivered] | None = None
    """Of a join: branch -> its half."""
    earlier: tuple[int, int] | None = None
    """Attempts that an earlier owner of the partition made: (how many, index of the last reason)."""
    tried: bool = False
    deaths: int = 0
    """In how many processes that died it was, as far as is known; from KILLS on it is not run (`bus/suspicion.py`)."""
    ended: bool = False
    waits: bool = False
    """An attempt of it is over, another one follows."""
    open_bytes: int = 0
    """What it counts for among the turns that are under way at once."""
    wait_ms: int = 0
    """Of a turn whose first attempts were made on the event before it was committed: what is left to wait."""


class Said(Protocol):
    """What the control topic says of cases."""

    marks: dict[CaseKey, Mark]
    stand_ins: dict[CaseKey, StandIn]


class Cases(Group, Protocol):
    """What a runner needs of the reader: who is next for a case."""

    @property
    def begins_now(self) -> bool:
        """May a turn that is suspected of nothing begin at once?"""
        ...

    def over(self, work: Work) -> Work | None: ...
    def keep_busy(self, work: Work) -> None: ...


class Handling:
    """What every runner shares: from a message to a turn, and from a verdict to a wait or a finished turn."""

    def __init__(
        self,
        plan: Plan,
        agent: AgentPlan,
        topics: Topics,
        *,
        contract_reader: ContractReader,
        emitter: Emitter,
        surroundings: Surroundings,
        recall: Recall,
        submit: Callable[[Finished], None],
        metrics: Metrics,
        dependencies: Sequence[Any],
        control: Said | None = None,
        tripwire: Tripwire | None = None,
        carry: Carry = nothing_carried,
    ) -> None:
        """control: what is said of cases that shall not go on; looked at before each attempt. tripwire: told of each
        turn that is over whether it became a dead letter. carry: runs what comes next of a turn, as far as it can be
        run at once."""
        self.plan = plan
        self.agent = agent
        self.topics = topics
        self.dependencies = dependencies
        self.emitter = emitter
        self._contract_reader = contract_reader
        self.surroundings = surroundings
        self._recall = recall
        self._submit = submit
        self._metrics = metrics
        self._marks: Mapping[CaseKey, Mark] = control.marks if control is not None else {}
        self._stand_ins: Mapping[CaseKey, StandIn] = control.stand_ins if control is not None else {}
        self._now = Timestamps()
        self._deadlines = Timestamps()
        self._reasons = list(agent.chains)
        self._tripwire = tripwire
        self._carry = carry
        self._dlq = topics.dlq
        self._begun: dict[tuple[str, int, int], tuple[Inbound, float]] = {}
        """Turns whose first attempts were made on an event before it was committed, by case, epoch and version of the
        event; and when the next attempt is due (monotonic)."""
        self.cases: Cases

    def open(self, work: Work) -> Turn[Contract] | None:
        """The attempt's turn; None when the input is a misfit and the turn has been settled with that, or when it has
        to wait (`wait_ms`)."""
        now_ms = int(time.time() * 1000)
        inbound = work.inbound
        if inbound is None:
            inbound = work.inbound = self._admit(work, now_ms)
            if work.earlier is not None:
                made, reason = work.earlier
                name = self._reasons[reason] if reason < len(self._reasons) else self._reasons[0]
                inbound.tries.extend([(name, 0)] * made)
            elif self._begun and self._goes_on(work, inbound):
                return None
        if (self._marks or self._stand_ins) and not self._may_go_on(work, inbound):
            return None
        if inbound.misfit is not None:
            self.settle(work, None, inbound.misfit)
            return None
        return make_turn(self.plan, self.agent, inbound, self.surroundings)

    def _may_go_on(self, work: Work, inbound: Inbound) -> bool:
        """Look at the case's mark; when it shall not go on, it is stopped here, or left to who acts for us."""
        lineage = inbound.lineage
        case = (self.plan.workflow, lineage.case_id, lineage.epoch)
        mark = self._marks.get(case)
        what = what_to_do(mark, self._stand_ins.get(case), self.agent.name, lineage.version)
        if what == "run":
            return True
        log.info("a marked case", agent=self.agent.name, case_id=lineage.case_id, what=what)
        records = []
        if what == "stop" and mark is not None:
            records = self.emitter.stopped(inbound, mark, now_ms=int(time.time() * 1000))
        self._finish(work, inbound, records, OK)
        return False

    def _left_to_another(self, inbound: Inbound) -> bool:
        """Was the case given up on while this turn ran? Then somebody acts in our place, and what we have is dropped:
        who acts does so only when everything that was finished before the stand-in was seen has been committed."""
        lineage = inbound.lineage
        stand_in = self._stand_ins.get((self.plan.workflow, lineage.case_id, lineage.epoch))
        return what_to_do(None, stand_in, self.agent.name, lineage.version) == "leave"

    def _admit(self, work: Work, now_ms: int) -> Inbound:
        def deadline() -> bytes:
            return self._deadlines.text(now_ms + self.plan.deadline_ms)

        if work.deaths >= KILLS:
            inbound = opened_inbound(self.plan, self.topics, work.message, work.headers, deadline=deadline)
            return killer(inbound, self.agent.name, work.deaths, work.window.suspected_since_s)
        return admit(
            self.plan,
            self.agent,
            self._contract_reader,
            self.topics,
            work.message,
            work.headers,
            now=self._now.text(now_ms),
            deadline=deadline,
            recall=self._recall,
        )

    def settle(self, work: Work, turn: Turn[Contract] | None, verdict: Verdict) -> int | None:
        """Carry a verdict out. Returns the wait in ms when the turn is to be tried again; None when it is over."""
        inbound = work.inbound
        assert inbound is not None
        result = settle(self.agent, self.emitter, inbound, turn, verdict, int(time.time() * 1000))
        if isinstance(result, TryAgain) and not result.counts:
            return result.wait_ms
        if isinstance(result, TryAgain):
            self._note_attempts(work, inbound)
            self._metrics.retried(self.agent.name, inbound.tries[-1][0])
            return result.wait_ms
        self._finish(work, inbound, result, verdict.reason)
        return None

    def _note_attempts(self, work: Work, inbound: Inbound) -> None:
        """Let the next commit say how many attempts were made."""
        work.tried = True
        work.window.attempts[work.position] = (len(inbound.tries), self._reasons.index(inbound.tries[-1][0]))
        work.window.tried = True

    def _finish(self, work: Work, inbound: Inbound, records: list[Record], reason: str) -> None:
        if self._stand_ins and self._left_to_another(inbound):
            records, reason = [], OK
        self._count(records)
        inbound.let_go()
        finished = Finished(
            self.cases,
            work.window,
            work.position,
            records,
            reason,
            lambda why: self._refused(inbound, why),
            origin=inbound,
        )
        if records and not work.deaths and (chain := self._carry(records)) is not None:
            finished.records, finished.chain = chain.seal(), chain
        self._submit(finished)

    def _count(self, records: list[Record]) -> None:
        if self._tripwire is not None and records:
            self._tripwire.count(any(record.topic == self._dlq for record in records))

    # -- turns on events that are not committed yet ---------------------------------------------------------------

    def admitted_early(self, message: Delivered, headers: Mapping[str, bytes]) -> Inbound | None:
        """What is handed over by an event of this very transaction; None when it must come through Kafka: what is
        wrong with it, or said of its case, is then dealt with as ever."""
        now_ms = int(time.time() * 1000)
        inbound = admit(
            self.plan,
            self.agent,
            self._contract_reader,
            self.topics,
            message,
            headers,
            now=self._now.text(now_ms),
            deadline=lambda: self._deadlines.text(now_ms + self.plan.deadline_ms),
            recall=_not_written_yet,
        )
        if inbound.misfit is not None:
            return None
        if self._marks or self._stand_ins:
            lineage = inbound.lineage
            case = (self.plan.workflow, lineage.case_id, lineage.epoch)
            what = what_to_do(self._marks.get(case), self._stand_ins.get(case), self.agent.name, lineage.version)
            if what != "run":
                return None
        return inbound

    def settled_early(self, inbound: Inbound, turn: Turn[Contract], verdict: Verdict) -> list[Record] | None:
        """What the turn on such an event comes to; None when it is not over. Its attempt is then remembered, for when
        the event comes through Kafka: here, if the partition is ours."""
        result = settle(self.agent, self.emitter, inbound, turn, verdict, int(time.time() * 1000))
        if isinstance(result, TryAgain):
            if result.counts:
                self._metrics.retried(self.agent.name, inbound.tries[-1][0])
                while len(self._begun) >= BEGUN_MAX:
                    del self._begun[next(iter(self._begun))]
                self._begun[_of_event(inbound)] = (inbound, time.monotonic() + result.wait_ms / 1000)
            return None
        if self._stand_ins and self._left_to_another(inbound):
            return None
        self._count(result)
        return result

    def _goes_on(self, work: Work, inbound: Inbound) -> bool:
        """Take over what was tried before the event was committed, if it was here; is there something left to wait?"""
        found = self._begun.pop(_of_event(inbound), None)
        if found is None:
            return False
        begun, due = found
        inbound.tries, inbound.first_failed_ms = begun.tries, begun.first_failed_ms
        inbound.spent_ms, inbound.spent_tokens = begun.spent_ms, begun.spent_tokens
        self._note_attempts(work, inbound)
        work.wait_ms = max(0, round((due - time.monotonic()) * 1000))
        return work.wait_ms > 0

    def _refused(self, inbound: Inbound, why: str) -> list[Record]:
        """The failure that stands in for outputs that the broker refuses: without the value, which is in Kafka."""
        evidence = {"stage": "output", "value_left_out": f"see {inbound.message.topic} @ {inbound.message.offset}"}
        inbound.message.value = None
        return self.emitter.failed(
            inbound,
            reason="schema_invalid",
            route=self.agent.chains["schema_invalid"].ending,
            detail=f"output: Kafka refused the event: {why}",
            evidence=evidence,
            now_ms=int(time.time() * 1000),
            latency_ms=round(inbound.spent_ms),
        )


def _of_event(inbound: Inbound) -> tuple[str, int, int]:
    lineage = inbound.lineage
    return lineage.case_id, lineage.epoch, lineage.version


def _not_written_yet(topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
    """Earlier versions may be in this very transaction: who needs one gets its event through Kafka."""
    raise LookupError(f"{topic} [{partition}] @ {offset} is not asked for yet")
