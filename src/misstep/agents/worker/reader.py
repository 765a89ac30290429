"""The reader of one agent: its consumer, its windows, and the order in which turns begin.

The polling thread owns the consumer. It reads, drops by headers what is for others, starts turns and hands what is
finished to the committer. Turns of one case follow each other; turns of different cases do not wait for each other.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from misstep.agents.inbound import Delivered, header_map
from misstep.agents.join import Gathering
from misstep.agents.subscription import Subscription
from misstep.agents.worker.assignment import Assignment
from misstep.agents.worker.backpressure import BATCH_MAX_MESSAGES, Backpressure
from misstep.agents.worker.case_queues import CaseQueues
from misstep.agents.worker.gate import Alone, Begin, Gate
from misstep.agents.worker.keeper import Keeper
from misstep.agents.worker.marking import Marking
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.runner import Runner
from misstep.agents.worker.slot import Ousted
from misstep.agents.worker.tripwire import Tripwire
from misstep.agents.worker.work import Work
from misstep.bus.connection import Config
from misstep.bus.lasting import lasts
from misstep.bus.message import headers_of
from misstep.bus.suspicion import KILLS
from misstep.bus.takeover import Place, Takeover
from misstep.bus.window import Window
from misstep.contracts.event import case_id_of

log = structlog.get_logger(__name__)

POLL_S = 0.1
POLL_SOON_S = 0.004
"""While turns wait at the gate."""
GIVE_AWAY_WITHIN_S = 5.0
"""How long a partition is kept back for the result of a turn that has just ended in it."""


class Commits(Protocol):
    """What a reader needs of who commits its turns."""

    lock: threading.Lock
    """Held while a transaction is open."""
    producing: threading.Lock
    """Held while records are handed to the client library."""

    @property
    def backlogged(self) -> bool:
        """Is so much waiting that nobody should add to it?"""
        ...

    def sweep(self, metadata: object, at: TopicPartition) -> None:
        """Clear what an earlier transaction left pending in a group."""
        ...


class Reader:
    """One subscription's consumer in a worker."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        config: Config,
        bootstrap: str,
        takeover: Takeover,
        transactional_id: str,
        commits: Commits,
        beside: TopicPartition,
        runner: Runner,
        metrics: Metrics,
        gathering: Gathering | None = None,
        alone: Alone | None = None,
        under_way_max: int | None = None,
        stuck_after_s: float = 60.0,
    ) -> None:
        """beside: see Assignment. gathering: of a join, whose messages are halves. alone: shared by the readers of a
        worker. under_way_max: so many turns run at once; None: as many as there are. stuck_after_s: after this a plain
        function is taken to be stuck (see `stuck_for_s`)."""
        self.name = subscription.name
        self.group = subscription.group
        self.remember: Callable[[Delivered], None] | None = None
        """Keeps what was delivered, for who may want to read it again soon."""
        self.agent: tuple[str, str] | None = None
        """Workflow and agent whose turns it begins; None for what is no agent's turn."""
        self.tripwire: Tripwire | None = None
        """Of an agent with a valve."""
        self._id = transactional_id
        self._commits = commits
        self._runner = runner
        self._metrics = metrics
        self._heard = dict(subscription.heard)
        self._once_topic = subscription.once_topic
        self._identity = subscription.identity
        self._gathering = gathering
        self._held_because: set[str] = set()
        self._standing_still = False
        self._start_over: str | None = None
        self._together = alone or Alone()
        self._gate = Gate(self._together, overlap=runner.collects)
        self._queues = CaseQueues(overlap=runner.collects, under_way_max=under_way_max)
        self._secluded = False
        """A turn runs alone, or has just done so: nothing is committed until it is known that it has ended."""
        self._keeper = Keeper(subscription.name, self._poll_meanwhile)
        self._shown_too_little: set[Place] = set()
        self._kept: list[tuple[int, Message]] = []
        """What was read in the polling thread's absence, and in which assignment."""
        self._stood_in_for = False
        self._stuck_after_s = stuck_after_s
        self._closing = False
        self.stopping = False
        self.behind = False
        """More messages wait than are read at once."""
        runner.bind(self)
        self._consumer = Consumer(config)
        self._assignment = Assignment(
            self._consumer,
            subscription,
            bootstrap=bootstrap,
            transactional_id=transactional_id,
            takeover=takeover,
            commit_lock=commits.lock,
            sweep=commits.sweep,
            metrics=metrics,
            gathering=gathering,
            stands_still=lambda: self._standing_still or self._stood_in_for,
            stopping=lambda: self.stopping,
            closing=lambda: self._closing,
            before_giving=self._let_end,
            start_over=self.start_over,
            beside=beside,
        )
        self._windows = self._assignment.windows
        self._backpressure = Backpressure(self.name, self._consumer, self._windows, self._queues)
        self._marking = Marking(self.name, self._consumer, self._windows, commits.lock)

    # -- what the committer asks --------------------------------------------------------------------------------------

    def metadata(self) -> object | None:
        """Group metadata of the present generation; None while the assignment is settling."""
        return None if self._start_over or self._secluded else self._assignment.metadata

    def assignment_is_stale(self) -> None:
        """The broker refused the metadata: the polling thread takes fresh ones."""
        self._assignment.is_stale()

    def start_over(self, why: str) -> None:
        """Forget everything under way; the polling thread reads the committed offsets again."""
        self._start_over = why
        for window in list(self._windows.values()):
            window.revoked = True

    def windows_behind(self) -> Iterable[Window]:
        """Windows with progress that no commit has said yet."""
        return [window for window in list(self._windows.values()) if window.behind and not window.revoked]

    # -- standing still -----------------------------------------------------------------------------------------------

    def hold(self, why: str) -> None:
        """Begin no more turns until `release(why)`; polling goes on. (Any thread.)"""
        self._held_because.add(why)

    def release(self, why: str) -> None:
        """Take one reason to stand still away. (Any thread.)"""
        self._held_because.discard(why)

    @property
    def held_because(self) -> list[str]:
        """Why it stands still; empty when it does not."""
        return sorted(self._held_because)

    def _stand_still_or_go_on(self) -> None:
        if bool(self._held_because) == self._standing_still:
            return
        self._standing_still = not self._standing_still
        places = [TopicPartition(*place) for place in self._windows]
        if self._standing_still:
            log.warning("paused", agent=self.name, because=self.held_because)
            self._consumer.pause(places)
            for window in self._windows.values():
                window.paused = False
        else:
            log.info("going on", agent=self.name)
            self._consumer.resume(places)

    # -- the polling thread -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read until `stopping`. Raises what is a bug or cannot be mended here."""
        consumer = self._consumer
        self._assignment.follow(list(self._heard))
        self._keeper.begin()
        try:
            while not self.stopping:
                self._round(consumer)
        finally:
            self._keeper.end()
        self._give_up_waiting()

    def _round(self, consumer: Consumer) -> None:
        # poll, then consume(n, 0): consume(n, t) waits in steps of 200 ms
        soon = self._gate.busy and not self._standing_still
        first = consumer.poll(min(POLL_SOON_S if soon else POLL_S, self._runner.next_due_s()))
        assignment = self._assignment.number
        if self._start_over is not None:
            log.warning("starting over from the committed offsets", agent=self.name, why=self._start_over)
            self._start_over = None
            self._assignment.begin_again()
            return
        self._assignment.refresh()
        if self._runner.next_due_s() <= 0:
            with self._keeper:
                self._runner.start_due()
        self._stand_still_or_go_on()
        if self._stood_in_for:
            self._take_kept()
        if first is not None:
            more = consumer.consume(BATCH_MAX_MESSAGES - 1, 0)
            self.behind = len(more) == BATCH_MAX_MESSAGES - 1
            self._take_all([first, *more], assignment)
        else:
            self.behind = False
            if not self._standing_still:
                self._backpressure.resume_empty()
        if self._gate.busy:
            self._open_gate()

    def leave(self) -> None:
        """The worker is about to end, and not because something broke: the next commit says so."""
        for window in self._windows.values():
            window.leave()

    def close(self) -> None:
        """Leave without a rebalance: a static member that comes back within the session finds its partitions."""
        self._closing = True
        self._consumer.close()

    def abandon(self) -> None:
        """Never close the client, nor let it be freed: in the midst of joining its group either can wait for itself for
        ever, with the interpreter in hand (librdkafka 2.16). It stays a member of its group until the process ends."""
        self._closing = True
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._consumer))

    @property
    def assigned(self) -> int:
        """Partitions held."""
        return len(self._windows)

    @property
    def taking_since(self) -> float | None:
        """Since when it has been taking partitions over (monotonic); None when it is not."""
        return self._assignment.taking_since

    @property
    def under_way(self) -> int:
        """Turns that are running, or wait for their next try or for another turn of their case."""
        return sum(len(window.open) for window in list(self._windows.values()))

    @property
    def idle(self) -> bool:
        """Nothing of this agent is running or waiting."""
        return not any(window.open for window in list(self._windows.values()))

    def _take_all(self, messages: list[Message], assignment: int) -> None:
        """Take messages that were read in this assignment."""
        ready: list[Work] = []
        producing = self._commits.producing
        for message in messages:
            if self._start_over is not None:
                return
            if message.error() is not None:
                self._on_error(message)
            elif (work := self._take(message, assignment)) is not None:
                if work.deaths or self._closed(len(ready)):
                    self.keep_busy(work)
                    work.waits = False
                    self._gate.wait(work)
                    continue
                ready.append(work)
                if not self._runner.collects:
                    self._start(ready)
                    ready = []
            if producing.locked():  # the commit thread hands records over: stand aside (see Committer.producing)
                with producing:
                    pass
        if ready:
            self._start(ready)
        if not self._standing_still:
            self._backpressure.pause_full()
            self._wait_for_commits()
            self._backpressure.resume_empty()

    def _wait_for_commits(self) -> None:
        """While the commit thread is far behind."""
        if self._commits.backlogged:
            with self._keeper:
                while self._commits.backlogged and not self.stopping and self._start_over is None:
                    time.sleep(0.002)

    def _start(self, works: list[Work]) -> None:
        self._queues.began(len(works))
        with self._keeper:
            self._runner.start(works)

    def _take(self, message: Message, assignment: int) -> Work | None:
        """Note a delivery; returns the turn that it begins now, if it begins one."""
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        window = self._windows.get((topic, partition))
        if window is None or window.born > assignment:
            return None  # delivered before the revocation that has just been served
        if offset < window.next_offset:
            self.start_over(f"{topic} [{partition}] went back from {window.next_offset} to {offset}")
            return None
        position = window.deliver(offset)
        key = message.key()
        raw = headers_of(message)
        hears = self._heard[topic]
        if topic == self._once_topic and self._assignment.known[partition].seen(self._identity(key, raw)):
            if not window.finished_before(position):
                window.skipped.append(position)
                self._metrics.duplicate(self.name)
                log.info("published again under a known id", key=str(key), topic=topic, offset=offset)
            return None
        halves = None
        if self._gathering is not None:
            live = not window.finished_before(position)
            if live and window.answered and self._answered_already(window, position, offset, key):
                live = False
            halves = self._gathering.take(partition, key, message.value(), raw, live=live)
            if halves is None:
                if live:
                    window.skipped.append(position)
                return None
        if window.finished_before(position):
            return None
        headers = header_map(raw)
        if hears is not None and not hears(headers):
            window.skipped.append(position)
            return None
        if window.answered and self._answered_already(window, position, offset, key):
            return None
        _, timestamp_ms = message.timestamp()
        delivered = Delivered(topic, partition, offset, timestamp_ms, key, message.value(), raw)
        if self.remember is not None:
            self.remember(delivered)
        work = Work(window, position, delivered, headers, case_id_of(key, topic, partition, offset))
        if halves is not None:
            (work.case_id, _), work.halves = halves
        if window.earlier_attempts and position in window.earlier_attempts:
            work.earlier = window.earlier_attempts.pop(position)
        if window.suspected:
            work.deaths = window.deaths(position, offset)
        return None if self._queues.must_wait(work) else work

    def _answered_already(self, window: Window, position: int, offset: int, key: bytes | None) -> bool:
        """Does an event of ours answer this very message, though it was not committed as finished?"""
        if window.answered.get(offset) != case_id_of(key, window.topic, window.partition, offset).encode():
            return False
        if (window.topic, window.partition) not in self._shown_too_little:
            self._shown_too_little.add((window.topic, window.partition))
            log.error(
                "the group's coordinator shows less than was committed: what was answered is not run again",
                agent=self.name,
                at=f"{window.topic} [{window.partition}] @ {offset}",
            )
        self._metrics.duplicate(self.name)
        window.skipped.append(position)
        return True

    # -- one turn of a case at a time ---------------------------------------------------------------------------------

    def keep_busy(self, work: Work) -> None:
        """A turn that ran at once must wait for its next attempt: its case is busy from now on."""
        self._queues.keep_busy(work)

    def over(self, work: Work) -> Work | None:
        """A turn is over; returns the next one of its case, if there is one and it may begin."""
        following = self._next_of(work)
        work.ended = True
        if following is None:
            self._queues.ended()
        return following

    def _next_of(self, work: Work) -> Work | None:
        following = self._queues.next_of(work)
        if following is not None and (
            following.deaths or self._closed(-1)
        ):  # it comes in the place of the one that ends
            self._gate.wait(following)
            return None
        return following

    # -- turns that must wait before they begin -----------------------------------------------------------------------

    @property
    def begins_now(self) -> bool:
        """May a turn on an event that is not committed yet begin? (Any thread.)"""
        stands = self.stopping or self._start_over or self._secluded or self._gate.busy
        return not (stands or self._held_because or self._together.shut)

    def _closed(self, about_to_begin: int) -> bool:
        """Must a turn that is suspected of nothing wait?"""
        if self._held_because or self._together.shut:
            return True
        return self._queues.room(about_to_begin) <= 0

    def _open_gate(self) -> None:
        """Begin what may begin of the turns that wait."""
        until = time.monotonic() + POLL_S
        while self._begin_some() and time.monotonic() < until and not self.stopping and self._start_over is None:
            pass

    def _begin_some(self) -> bool:
        """Whether more may begin at once."""
        gate = self._gate
        over = gate.reap()
        if gate.alone and not gate.running and not self._marked([], alone=False):
            return False
        if gate.alone and not gate.running:
            self._secluded = False
            gate.end_alone()
        elif over:
            self._marking.note(gate.running, alone=False)
        if gate.alone:
            return False
        for work in gate.revoked():
            if (following := self._next_of(work)) is not None:
                self._gate.wait(following)
        if self._held_because:
            gate.stand_still()
            return False
        begin = gate.choose(time.monotonic(), self._queues.room())
        return begin is not None and self._begin(begin)

    def _begin(self, begin: Begin) -> bool:
        gate = self._gate
        if begin.alone:
            self._secluded = True
        if begin.marked and not self._marked([*gate.running, *begin.works], alone=begin.alone):
            self._secluded = False
            gate.not_yet(begin)
            return False
        gate.began(begin)
        for work in begin.works:
            work.waits = False
            if work.deaths >= KILLS:
                log.error("a case has killed its process again and again: it is not run", **self._said_of(work))
        if self._runner.collects:
            self._start(begin.works)
            return True
        left = deque(begin.works)
        while left and not (self.stopping or self._start_over is not None or self._held_because):
            self._start([left.popleft()])
        for work in reversed(left):
            gate.back(work)
        return True

    def _marked(self, running: list[Work], *, alone: bool) -> bool:
        gate = self._gate
        return self._marking.commit(running, alone=alone, before=gate.running, before_alone=gate.alone)

    def _said_of(self, work: Work) -> dict[str, object]:
        message = work.message
        at = f"{message.topic} [{message.partition}] @ {message.offset}"
        return {"agent": self.name, "case_id": work.case_id, "deaths": work.deaths, "at": at}

    def _give_up_waiting(self) -> None:
        """They have not begun, and will not in this process."""
        for work in self._gate.forget():
            self._queues.forget(work)

    # -- while the polling thread is inside a turn for long ----------------------------------------------------------

    @property
    def stuck_for_s(self) -> float | None:
        """How long a plain function has been running, when that is longer than it can be meant to."""
        since = self._keeper.away_since if self._runner.inside is not None else None
        since = since or self._runner.early_since
        lasts_s = time.monotonic() - since if since is not None else 0.0
        return lasts_s if lasts_s > self._stuck_after_s else None

    @property
    def threads_lost(self) -> int:
        """Blocking turns whose threads have gone on for that long after their time was over."""
        since = time.monotonic() - self._stuck_after_s
        return sum(over < since for over in list(self._runner.lingering.values()))

    def _poll_meanwhile(self) -> None:
        """In the polling thread's place: take part in the group, read nothing. (Keeper.)"""
        self._stood_in_for = True
        places = [TopicPartition(*place) for place in self._windows]
        if places:
            self._consumer.pause(places)
        message = self._consumer.poll(0.05)  # not 0: only a poll that may wait may also be held up by a rebalance
        self._assignment.refresh()
        if message is not None:
            self._kept.append((self._assignment.number, message))

    def _take_kept(self) -> None:
        """The polling thread is back: what was paused in its absence goes on."""
        self._stood_in_for = False
        if not self._standing_still:
            going_on = [TopicPartition(*place) for place, window in self._windows.items() if not window.paused]
            if going_on:
                self._consumer.resume(going_on)
        kept, self._kept = self._kept, []
        for assignment, message in kept:
            self._take_all([message], assignment)

    def _let_end(self, partitions: list[TopicPartition]) -> None:
        """A turn that is running in one of these partitions ends, and is committed, before they are given away: or it
        would run again in other hands. (Keeper, in the course of a rebalance; else nothing is running.)"""
        places = {(at.topic, at.partition) for at in partitions}
        last = None
        while (work := self._runner.inside) is not None and (work.window.topic, work.window.partition) in places:
            if self._closing or work.window.revoked:
                return
            last = work
            self._assignment.refresh()
            time.sleep(0.01)
        if last is None or not last.ended:
            return
        until = time.monotonic() + GIVE_AWAY_WITHIN_S
        while time.monotonic() < until:
            with self._commits.lock:
                if last.window.settled(last.position):
                    return
            self._assignment.refresh()
            time.sleep(0.005)

    # -- errors -------------------------------------------------------------------------------------------------------

    def _on_error(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        code = error.code()
        if code == KafkaError._AUTO_OFFSET_RESET:
            self.start_over(f"no position on {message.topic()} [{message.partition()}]: {error.str()}")
        elif code == KafkaError._MAX_POLL_EXCEEDED:
            log.error("polling stopped for too long; the group gave this worker's partitions away", agent=self.name)
        elif code == KafkaError._FATAL and "group.instance.id" in error.str():
            raise Ousted(self._id)
        elif lasts(error):
            raise KafkaException(error)
        else:
            log.warning("kafka", agent=self.name, error=error.str())
