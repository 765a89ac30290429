"""The commit thread: it alone owns the producer, and takes everything that is finished whenever it begins.

A transaction holds the finished turns of several agents and the offsets of their groups. Whatever fails, the same
finished turns go into the next transaction for partitions still owned; nothing is run again for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from misstep.agents.inbound import Inbound
from misstep.agents.worker.chain import Chain
from misstep.agents.worker.foresight import Misplaced
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.slot import SlotTaken
from misstep.agents.worker.writing import Writer
from misstep.bus.window import Window
from misstep.contracts.event import Record

log = structlog.get_logger(__name__)

BATCH_MAX_TURNS = 2_000
BACKLOG_MAX_TURNS, BACKLOG_MAX_BYTES = 10_000, 67_108_864
"""More finished turns than that do not wait for a transaction: readers stand still until there are fewer."""
BACKLOG_LOOK_TURNS = 50
GATHER_TURNS, GATHER_S = 1_000, 0.05
"""Under more load than it can take, the worker commits this many turns at once, or after this time."""
IDLE_COMMIT_S = 0.2
IDLE_COMMIT_BESIDE_S = 1.0
"""How long progress without outputs (messages that were not for the agent) may wait for a transaction: one of its own,
or one that has finished turns to commit and would take longer for it."""
SAY_SO_AFTER_S = 5.0
SEND_OFFSETS_S = 5.0
"""After this the transaction is aborted and made again; its turns are finished, so only time is lost."""
LATE_S = 2.0
"""A commit or abort that took longer may have been answered late: its producer is retired (KIP-890)."""
FENCED_LIMIT, FENCED_WITHIN_S = 3, 60.0
FENCED_FOR_S = 15.0
"""Who takes over from a worker that the network had cut off fences it again and again for some seconds, once for each
group (6 s were seen); a live process in the same slot goes on for longer."""


class Group(Protocol):
    """What the committer needs of a reader."""

    name: str
    group: str
    """Id of the consumer group: two workflows may have an agent of one name."""

    behind: bool
    """More messages wait for it than it reads at once."""

    def metadata(self) -> object | None:
        """Group metadata of the present generation; None while the assignment is settling."""
        ...

    def assignment_is_stale(self) -> None:
        """The broker refused the metadata: take fresh ones in the polling thread."""
        ...

    def start_over(self, why: str) -> None:
        """Forget everything under way and read the committed offsets again."""
        ...

    def windows_behind(self) -> Iterable[Window]:
        """Windows with progress that no commit has said yet."""
        ...


@dataclass(slots=True)
class Finished:
    """A turn that is over: what it writes, and which message it consumed."""

    group: Group
    window: Window
    position: int
    records: list[Record]
    reason: str
    replace: Callable[[str], list[Record]]
    """Makes the records of a failure that stands in for outputs the broker refuses."""
    replaced: bool = False
    origin: Inbound | None = None
    """The agent's input, where the turn was an agent's."""
    chain: Chain | None = None
    """The turns that were carried on from this one; `records` are then those of all."""


class Committer:
    """Owns the producer of a worker."""

    def __init__(
        self,
        make_producer: Callable[[], Producer],
        transactional_id: str,
        groups: Callable[[], Iterable[Group]],
        metrics: Metrics,
        seam: Callable[[str], None] = lambda name: None,
        on_placed: Sequence[Callable[[Sequence[Finished]], None]] = (),
        on_committed: Sequence[Callable[[Sequence[Finished]], None]] = (),
    ) -> None:
        """on_placed: told of turns whose events are in Kafka, just before they are committed."""
        self._make_producer = make_producer
        self._id = transactional_id
        self._groups = groups
        self._metrics = metrics
        self._seam = seam
        self._on_placed = on_placed
        self._on_committed = on_committed
        self.lock = threading.Lock()
        """Held while a transaction is open; whoever must not meet one takes it."""
        self.producing = threading.Lock()
        """Held while records are handed to librdkafka. Each hand-over lets go of the interpreter for a moment; a busy
        reader would keep it for a whole switch interval each time, so readers stand aside between two turns."""
        self.sending_since: float | None = None
        """Since when a broker is being told of offsets (monotonic); None when it is not."""
        self.ending_since: float | None = None
        """Since when a transaction is being committed or aborted (monotonic); None when none is."""
        self._finished: deque[Finished] = deque()
        self._held: list[Finished] = []
        """Taken from the queue and not yet committed."""
        self._wake = threading.Event()
        self._draining = threading.Event()
        self._reported_at: dict[str, float] = {}
        """When each group's skipped messages were last reported (monotonic)."""
        self._probing = False
        self._fenced_at: deque[float] = deque()
        self._renew()

    # -- other threads ------------------------------------------------------------------------------------------------

    def submit(self, finished: Finished) -> None:
        """Hand over a finished turn."""
        self._finished.append(finished)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def backlog(self) -> int:
        """Finished turns that wait for a transaction."""
        return len(self._finished)

    @property
    def backlogged(self) -> bool:
        """Is so much waiting that nobody should add to it? Bytes are about those of the first and the last."""
        turns = len(self._finished)
        if turns < BACKLOG_LOOK_TURNS:
            return False
        try:
            sample = [len(record.value or b"") for at in (0, -1) for record in self._finished[at].records]
        except IndexError:  # taken meanwhile
            return False
        return turns > BACKLOG_MAX_TURNS or turns * sum(sample) // 2 > BACKLOG_MAX_BYTES

    @property
    def empty(self) -> bool:
        """Nothing is waiting and nothing is under way."""
        return not self._finished and not self._held and not self.lock.locked()

    def sweep(self, metadata: object, at: TopicPartition) -> None:
        """Begin a transaction that touches a group and abort it: what an earlier one left pending there goes with it.

        Called by a reader that waits for its partitions; the commit thread stands still meanwhile.
        """
        log.warning("clearing what an earlier transaction left pending", topic=at.topic, partition=at.partition)
        with self.lock:
            try:
                self._producer.begin_transaction()
                self._producer.send_offsets_to_transaction([at], metadata, SEND_OFFSETS_S)
            except KafkaException as error:
                log.info("not cleared yet", error=error.args[0].str())
                self._recover(error)
            else:
                self._end(self._producer.abort_transaction)

    def drain(self) -> None:
        """Commit what is finished, then end `run`."""
        self._draining.set()
        self._wake.set()

    # -- the commit thread --------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Commit until drained. Raises SlotTaken, and whatever is a bug."""
        while True:
            self._wake.wait(IDLE_COMMIT_S)
            self._wake.clear()
            self._gather()
            with self.lock:
                settled = self._commit_once()
            if self._finished or not settled:
                self._wake.set()
            if not settled:
                time.sleep(0.002)  # a group is settling: its reader needs a moment, and the lock
            if self._draining.is_set() and not self._finished and not self._held:
                return

    def _gather(self) -> None:
        """While a reader is behind, let turns come together: each transaction costs the broker the same."""
        until = time.monotonic() + GATHER_S
        while (
            len(self._finished) < GATHER_TURNS
            and not self._draining.is_set()
            and any(group.behind for group in self._groups())
            and time.monotonic() < until
        ):
            time.sleep(0.002)

    def _commit_once(self) -> bool:
        """One transaction over what is finished; False when something must be tried again soon."""
        batch, waiting = self._take()
        self._held = batch + waiting
        groups: dict[str, tuple[Group, dict[int, Window]]] = {}
        for turn in batch:
            _, touched = groups.setdefault(turn.group.group, (turn.group, {}))
            touched[id(turn.window)] = turn.window
        overdue = self._overdue(beside=bool(batch))
        for group, behind in overdue:
            groups.setdefault(group.group, (group, {}))[1].update(behind)
        if not groups:
            return not waiting
        began = time.monotonic()
        try:
            self._transaction(batch, groups.values())
        except Misplaced as error:
            log.info("somebody else has written too; a transaction is made again", stands=str(error))
            self._abort()
            return False
        except KafkaException as error:
            self._recover(error)
            return False
        self._held = waiting
        for _, touched in groups.values():
            for window in touched.values():
                window.confirm()
        self._reported_at.update((group.group, began) for group, _ in overdue)
        took = time.monotonic() - began
        self._metrics.committed(batch, took)
        if batch:
            for tell in self._on_committed:
                tell(batch)
        if took > LATE_S:
            log.warning("a commit was answered late; taking a new producer", seconds=round(took, 1))
            self._renew()
        return not waiting

    def _overdue(self, *, beside: bool) -> list[tuple[Group, dict[int, Window]]]:
        """Groups that have had nothing but skipped messages to report for long enough, and their windows. Each costs a
        transaction two requests, so beside finished turns only the one that has waited longest is taken along."""
        now, draining = time.monotonic(), self._draining.is_set()
        overdue = []
        for group in self._groups():
            since = self._reported_at.get(group.group, 0.0)
            if draining or now - since >= (IDLE_COMMIT_BESIDE_S if beside else IDLE_COMMIT_S):
                behind = {id(window): window for window in group.windows_behind()}
                if behind and group.metadata() is not None:
                    overdue.append((since, group, behind))
        if beside and not draining:
            overdue = sorted(overdue, key=lambda one: one[0])[:1]
        return [(group, behind) for _, group, behind in overdue]

    def _take(self) -> tuple[list[Finished], list[Finished]]:
        """What can be committed now, and what must wait for its group to settle; what is revoked is dropped."""
        taken = self._held
        queue = self._finished
        while queue and len(taken) < BATCH_MAX_TURNS:
            taken.append(queue.popleft())
        batch, waiting = [], []
        for turn in taken:
            if turn.window.revoked:
                continue
            if turn.group.metadata() is None:
                waiting.append(turn)
            else:
                batch.append(turn)
        return batch, waiting

    def _transaction(self, batch: list[Finished], groups: Iterable[tuple[Group, dict[int, Window]]]) -> None:
        producer = self._producer
        self._seam("before_begin")
        producer.begin_transaction()
        with self.producing:
            for turn in batch:
                try:
                    self._writer.write_turn(turn, probing=self._probing)
                except KafkaException as error:
                    self._replace(turn, error.args[0])
                    raise
                turn.window.finish(turn.position)
        self._writer.write_carried(batch)
        self._probing = False
        self._seam("after_produce")
        self._seam("before_offsets")
        committed = []
        for group, windows in groups:
            offsets = [
                TopicPartition(window.topic, window.partition, *proposed)
                for window in windows.values()
                if (proposed := window.propose(self._id)) is not None
            ]
            if offsets:
                committed.append((group, offsets))
        self._writer.await_first()
        for group, offsets in committed:
            self._send_offsets(producer, group, offsets)
        self._seam("after_offsets")
        self._writer.check_places(batch)
        if batch:
            for tell in self._on_placed:
                tell(batch)
        self._end(producer.commit_transaction)
        self._writer.committed()
        self._seam("after_commit")

    def _send_offsets(self, producer: Producer, group: Group, offsets: list[TopicPartition]) -> None:
        metadata = group.metadata()
        try:
            if metadata is None:
                raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "the assignment is settling"))
            # Without a time-out it can wait for ever on a coordinator that has moved (seen when a broker restarts).
            self.sending_since = time.monotonic()
            _insist(lambda: producer.send_offsets_to_transaction(offsets, metadata, SEND_OFFSETS_S), 1.0)
            self.sending_since = None
        except KafkaException as error:
            if error.args[0].code() in _STALE:
                group.assignment_is_stale()
            self.sending_since = None
            raise

    def _end(self, how: Callable[[], None]) -> None:
        """Without a time-out, for a commit must be known to have happened or not; who watches this thread sees it."""
        self.ending_since = time.monotonic()
        try:
            _insist(how)
        finally:
            self.ending_since = None

    def _replace(self, turn: Finished, error: KafkaError) -> None:
        """Put a failure in the place of outputs that cannot be delivered. (Of a chain, it is first found whose.)"""
        if turn.replaced or turn.chain is not None or error.code() not in _REFUSED:
            return
        turn.records = turn.replace(error.str())
        turn.replaced = True
        log.warning("an output was refused; its turn fails instead", error=error.str())

    # -- errors -------------------------------------------------------------------------------------------------------

    def _recover(self, failure: KafkaException) -> None:
        """Bring the producer to where the next transaction can begin (the table in RATIONALE.md, "Errors")."""
        error: KafkaError = failure.args[0]
        self._metrics.transaction_failed(error.name())
        if error.fatal():
            self._fenced(error)
            return
        log.info("a transaction is aborted and made again", error=error.str(), code=error.name())
        if error.code() in _CUT_OFF:
            # The old producer's next send_offsets would hang, time-out or not (seen when a broker restarts, one time in
            # three); initialising a new one aborts the transaction all the same.
            self._renew()
            return
        if error.code() == KafkaError._INCONSISTENT or error.code() in _REFUSED:
            self._probing = True
        self._abort()

    def _abort(self) -> None:
        self._writer.aborted()
        began = time.monotonic()
        try:
            self._end(self._producer.abort_transaction)
        except KafkaException as again:
            self._metrics.transaction_failed(again.args[0].name())
            if again.args[0].fatal():
                self._fenced(again.args[0])
                return
            log.warning("an abort failed; taking a new producer", error=again.args[0].str())
            self._renew()
            return
        if time.monotonic() - began > LATE_S:
            self._renew()

    def _fenced(self, error: KafkaError) -> None:
        now = time.monotonic()
        fenced = self._fenced_at
        fenced.append(now)
        while now - fenced[0] > FENCED_WITHIN_S:
            fenced.popleft()
        if len(fenced) >= FENCED_LIMIT and now - fenced[0] >= FENCED_FOR_S:
            raise SlotTaken(self._id, f"it was fenced {len(fenced)} times within {now - fenced[0]:.0f} s")
        log.warning("this worker was fenced; starting over from what is committed", error=error.str())
        self._held = []
        for group in self._groups():
            group.start_over("fenced")
        self._renew()

    def _renew(self) -> None:
        self._producer = self._new_producer()
        self._writer = Writer(self._producer, self.producing, self._seam)

    def _new_producer(self) -> Producer:
        """A producer under the same id; initialising it aborts whatever a predecessor left open."""
        producer = self._make_producer()
        spoke = False
        while True:
            try:
                producer.init_transactions(10)
                return producer
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if error.fatal():
                    producer = self._make_producer()
                elif not error.retriable() and error.code() != KafkaError._TIMED_OUT:
                    raise
                if not spoke:
                    spoke = True
                    log.warning("the producer cannot begin yet; trying on", error=error.str())
                time.sleep(0.1)


_CUT_OFF = frozenset(
    {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT_QUEUE}
)
_REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})
_STALE = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


def _insist(call: Callable[[], None], for_s: float = float("inf")) -> None:
    """Repeat a transactional call while the answer is "try again": it resumes where it was."""
    began = time.monotonic()
    spoke = False
    while True:
        try:
            call()
            return
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            waited = time.monotonic() - began
            if not error.retriable() or error.txn_requires_abort() or error.fatal() or waited > for_s:
                raise
            if waited > SAY_SO_AFTER_S and not spoke:
                spoke = True
                log.warning("Kafka asks to try again and again", code=error.name(), error=error.str())
            time.sleep(0.01)
