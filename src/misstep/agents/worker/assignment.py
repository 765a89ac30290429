"""The partitions that a reader holds: taken over with their progress and under its name, and given away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from misstep.agents.join import Gathering
from misstep.agents.subscription import Subscription
from misstep.agents.worker.answered import answered_beyond
from misstep.agents.worker.known_cases import KnownCases, read_back
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.restore import restore
from misstep.bus.lasting import lasts
from misstep.bus.progress import Progress
from misstep.bus.takeover import Place, Takeover
from misstep.bus.window import Window

log = structlog.get_logger(__name__)


class Assignment:
    """What one consumer holds at present. Belongs to whoever polls the consumer; `metadata` is for any thread."""

    def __init__(
        self,
        consumer: Consumer,
        subscription: Subscription,
        *,
        bootstrap: str,
        transactional_id: str,
        takeover: Takeover,
        commit_lock: threading.Lock,
        sweep: Callable[[object, TopicPartition], None],
        metrics: Metrics,
        gathering: Gathering | None,
        stands_still: Callable[[], bool],
        stopping: Callable[[], bool],
        closing: Callable[[], bool],
        before_giving: Callable[[list[TopicPartition]], None],
        start_over: Callable[[str], None],
        beside: TopicPartition,
    ) -> None:
        """commit_lock: whoever holds it meets no open transaction. sweep: see Committer.sweep. gathering: of a join.
        stands_still: what is taken is not read yet. closing: the consumer is being closed. before_giving: called
        before partitions are given away. start_over: everything held is taken over anew, soon. beside: a place that
        nobody in the group reads; it is committed where only the answer is wanted."""
        self.windows: dict[Place, Window] = {}
        self.known: dict[int, KnownCases] = {}
        """Partition -> the cases that were published there lately."""
        self.number = 0
        """Counts assignments: a message that was read before a partition came (again) is not for its window."""
        self.taking_since: float | None = None
        """Since when partitions are being taken over (monotonic); None when none are."""
        self._consumer = consumer
        self._name = subscription.name
        self._group = subscription.group
        self._once_topic = subscription.once_topic
        self._identity = subscription.identity
        self._answers = subscription.answers
        self._bootstrap = bootstrap
        self._id = transactional_id
        self._takeover = takeover
        self._commit_lock = commit_lock
        self._sweep = sweep
        self._metrics = metrics
        self._gathering = gathering
        self._stands_still = stands_still
        self._stopping = stopping
        self._closing = closing
        self._before_giving = before_giving
        self._start_over = start_over
        self._beside = beside
        self._generation: object | None = None
        self._stale = False

    def follow(self, topics: list[str]) -> None:
        """Take part in the group."""
        self._consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    @property
    def metadata(self) -> object | None:
        """Group metadata of the present generation; None while the assignment is settling."""
        return None if self._stale else self._generation

    def is_stale(self) -> None:
        """The broker refused the metadata. (Any thread.)"""
        self._stale = True

    def refresh(self) -> None:
        """Take fresh group metadata, if the broker has refused ours."""
        if self._stale:
            self._generation = self._consumer.consumer_group_metadata()
            self._stale = False

    def begin_again(self) -> None:
        """Take what is held over once more, from what is committed."""
        held = [TopicPartition(*place) for place in self.windows]
        self._forget(held)
        if held:
            self._consumer.incremental_unassign(held)
            self._on_assign(self._consumer, held)

    # -- what the group decides ---------------------------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [(at.topic, at.partition) for at in partitions]
        self.taking_since = time.monotonic()
        progress = self._take_over(places)
        self.taking_since = None
        if len(progress) != len(places):
            return  # told to stop meanwhile
        consumer.incremental_assign([TopicPartition(*place, progress[place].base or 0) for place in places])
        if places:  # a pause outlives a revocation
            change = consumer.pause if self._stands_still() else consumer.resume
            change([TopicPartition(*place) for place in places])
        self._metrics.assigned(self._name, len(self.windows))
        log.info("partitions taken", agent=self._name, taken=len(places), held=len(self.windows))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._before_giving(partitions)
        with self._commit_lock:  # lets a running commit end
            self._forget(partitions)
        if self._closing():
            return  # asked for its metadata now, the client may wait for itself, and keep the interpreter meanwhile
        if not self._stopping():
            consumer.incremental_unassign(partitions)
        self._generation = consumer.consumer_group_metadata()

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost: the session ran out", agent=self._name, partitions=len(partitions))
        self._forget(partitions)  # at once: the open transaction will be refused, and aborted
        consumer.incremental_unassign(partitions)
        self._generation = None

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        for at in partitions:
            window = self.windows.pop((at.topic, at.partition), None)
            if window is not None:
                window.revoked = True
        self._metrics.assigned(self._name, len(self.windows))

    # -- taking over --------------------------------------------------------------------------------------------------

    def _clear(self, place: Place) -> None:
        """See Committer.sweep; the offset does not matter, the transaction is aborted."""
        self._sweep(self._consumer.consumer_group_metadata(), TopicPartition(*place, 0))

    def _take_over(self, places: list[Place]) -> dict[Place, Progress]:
        """Read committed progress, write our name beside it, and open the windows; nothing when told to stop."""
        if places and not self._shown_all():
            self._start_over("the group has moved on")  # it is taken over once more, after the next poll
        progress = self._takeover.claim(self._group, places, lambda: self._clear(places[0]))
        if not progress:
            self._generation = self._consumer.consumer_group_metadata()
            return {}
        first = self._takeover.beginning(places)
        if not first:
            return {}
        for place, found in progress.items():
            assert found.base is not None
            if found.base < first[place]:
                log.error(
                    "events were deleted before they were read",
                    agent=self._name,
                    topic=place[0],
                    partition=place[1],
                    committed=found.base,
                    first_left=first[place],
                )
                progress[place] = Progress(first[place])
        self._read_back(progress, first)
        self._sign(progress, self._answered(progress, first))
        return progress

    def _shown_all(self) -> bool:
        """Have something acknowledged by the group's coordinator before it is asked what was committed; False when that
        cannot be had in this generation.

        One that has just taken its partition over, or lost it, may answer with less than was acknowledged (2,600
        offsets less were seen), and whoever believes it does everything since then again. A commit has to be appended
        and copied: who acknowledges one knows all that were made before (RATIONALE.md, "Takeover").
        """
        while not self._stopping():
            try:
                answers = self._consumer.commit(offsets=[self._beside], asynchronous=False)
                error = next((at.error for at in answers or () if at.error is not None), None)
            except KafkaException as failure:
                error = failure.args[0]
            if error is None:
                break
            if lasts(error):
                raise KafkaException(error)
            if error.code() in _MOVED_ON:
                return False
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                log.warning("committed offsets are taken as they are shown", agent=self._name, error=error.str())
                break
            time.sleep(0.02)
        return True

    def _read_back(self, progress: dict[Place, Progress], first: dict[Place, int]) -> None:
        """What must be known of a partition's past: the cases published lately."""
        if self._once_topic:
            bases = {
                partition: (first[topic, partition], found.base or 0)
                for (topic, partition), found in progress.items()
                if topic == self._once_topic
            }
            self.known.update(read_back(self._bootstrap, self._id, self._once_topic, bases, self._identity))

    def _answered(
        self, progress: dict[Place, Progress], first: dict[Place, int]
    ) -> Mapping[Place, Mapping[int, bytes]]:
        """What our own events say was answered, from each base on. A join's halves that wait are noted on the way."""
        if self._gathering is not None:
            ends = self._takeover.end(progress)
            spans = {place: (first[place], found.base or 0, ends.get(place, 0)) for place, found in progress.items()}
            return restore(self._gathering, self._bootstrap, self._id, spans, self._stopping)
        if self._answers is None:
            return {}
        return answered_beyond(
            self._answers,
            {place: found.base or 0 for place, found in progress.items()},
            takeover=self._takeover,
            bootstrap=self._bootstrap,
            client_id=self._id,
            stopping=self._stopping,
        )

    def _sign(self, progress: dict[Place, Progress], answered: Mapping[Place, Mapping[int, bytes]]) -> None:
        """Commit the progress found under our name, and hold the partitions."""
        incarnation = self._takeover.incarnation
        windows = {place: Window(*place, found, incarnation) for place, found in progress.items()}
        self.number += 1
        for window in windows.values():
            window.born = self.number
        for place, said in answered.items():
            windows[place].answered = said
        offsets = [TopicPartition(*place, *window.opening(self._id)) for place, window in windows.items()]
        with self._commit_lock:  # a plain commit beats an open transaction: there must be none
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() not in _REJOINING:
                    raise
                # a further rebalance is under way; the first transaction writes our name
                log.info("could not sign for the partitions yet", agent=self._name, error=error.args[0].str())
            self.windows.update(windows)
            self._generation = self._consumer.consumer_group_metadata()


_MOVED_ON = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_REJOINING = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError._TIMED_OUT,
        KafkaError._WAIT_COORD,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
