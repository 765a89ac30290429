"""Taking partitions over: fence a dead owner at once, and start from offsets that are read here, never elsewhere.

librdkafka re-reads a topic from the start when a rebalance meets an open transaction, so it is never asked where to
start. Why each step is as it is: RATIONALE.md, "Takeover".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any
from uuid import uuid4

import structlog
from confluent_kafka import (
    OFFSET_INVALID,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from misstep.bus.client_log import client_logger
from misstep.bus.config import producer_config
from misstep.bus.connection import connection
from misstep.bus.lasting import lasts
from misstep.bus.progress import Progress, unpack
from misstep.bus.suspicion import after_a_change, after_a_death

log = structlog.get_logger(__name__)

Place = tuple[str, int]
"""Topic and partition."""

STABLE_POLL_S = 0.005
FENCE_ANYWAY_AFTER_S = 0.2
SWEEP_EVERY_S = 2.0
SAY_SO_AFTER_S = 5.0
ANSWER_S = 15.0


def new_incarnation() -> str:
    """A name for a process, as it stands in commit metadata."""
    return uuid4().hex[:6]


class Takeover:
    """Reads what a group has committed, once nothing is pending on it any more."""

    def __init__(
        self,
        bootstrap: str,
        own_id: str,
        stopping: Callable[[], bool],
        *,
        incarnation: str = "",
        blameless: Collection[str] = (),
    ) -> None:
        """incarnation: tells this process from its predecessors in the slot. blameless: those that did not end through
        what they ran."""
        self._bootstrap = bootstrap
        self._own_id = own_id
        self.incarnation = incarnation or new_incarnation()
        self._blameless = frozenset(blameless)
        self._admin = self._new_admin()
        self._stopping = stopping
        self._fencing: dict[str, threading.Thread] = {}

    def _new_admin(self) -> AdminClient:
        return AdminClient(
            {**connection(self._bootstrap), "client.id": f"{self._own_id}.admin"}, logger=client_logger("admin")
        )

    def claim(self, group: str, places: Iterable[Place], sweep: Callable[[], None]) -> dict[Place, Progress]:
        """Stable progress of each partition; a group without a committed offset starts at the partition's beginning.

        sweep: begins and aborts a transaction of our own that touches the group. What an earlier transaction of the
        same producer left pending there goes with it; nothing else clears it (a broker that died in between).
        Returns {} when the worker is told to stop meanwhile.
        """
        wanted = [TopicPartition(topic, partition) for topic, partition in places]
        if not wanted:
            return {}
        owners = self._owners(group, wanted)
        alive = self._alive(group)
        for owner in owners - alive:
            self._fence(owner)
        began = swept = time.monotonic()
        spoke = False
        while not self._stopping():
            try:
                found = self._offsets(group, wanted, require_stable=True)
            except KafkaException as error:
                self._only_if_passing(error)
                waited = time.monotonic() - began
                if waited > FENCE_ANYWAY_AFTER_S:
                    for owner in owners - {self._own_id}:
                        self._fence(owner)
                if self._own_id in owners and time.monotonic() - swept > SWEEP_EVERY_S:
                    sweep()
                    swept = time.monotonic()
                if waited > SAY_SO_AFTER_S and not spoke:
                    spoke = True
                    log.warning("waiting for committed offsets", group=group, error=str(error.args[0]))
                time.sleep(STABLE_POLL_S)
                continue
            return self._from_the_beginning(self._suspecting(found, alive))
        return {}

    def _suspecting(self, found: dict[Place, Progress], alive: set[str]) -> dict[Place, Progress]:
        """What each partition is suspected of now that it changes hands: did its owner die?"""
        dead = [place for place, progress in found.items() if self._died(progress, alive)]
        ends = self.end(dead) if dead else {}
        now_s = int(time.time())
        for place, progress in found.items():
            before = progress.suspicion
            now = after_a_death(before, ends[place], now_s) if place in ends else after_a_change(before)
            found[place] = replace(progress, suspicion=now)
        if dead:
            log.warning("a process died at its work: what it had before it is begun with care", partitions=len(dead))
        return found

    def _died(self, progress: Progress, alive: set[str]) -> bool:
        """It did not say that it would leave, and its process is not there any more.

        A slot that is alive again in another process hides the death of the one before, if the partition moves on at
        that very moment: then one death is not counted.
        """
        if progress.left or not progress.incarnation or progress.incarnation in self._blameless:
            return False
        if progress.owner == self._own_id:
            return progress.incarnation != self.incarnation
        return progress.owner not in alive

    def beginning(self, places: Iterable[Place]) -> dict[Place, int]:
        """First offset that each partition still has; {} when the worker is told to stop meanwhile."""
        return self._offsets_at(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def end(self, places: Iterable[Place]) -> dict[Place, int]:
        """Offset after the last message of each partition; {} when the worker is told to stop meanwhile."""
        return self._offsets_at(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def _offsets_at(self, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int]:
        asked = {TopicPartition(topic, partition): spec for topic, partition in places}
        while not self._stopping():
            admin = self._admin  # held while its answers are awaited: another thread may replace it meanwhile
            try:
                answers = admin.list_offsets(asked, request_timeout=10)
                found = {(at.topic, at.partition): _answer(future).offset for at, future in answers.items()}
                if all(offset >= 0 for offset in found.values()):  # a broker that has just come back may not know yet
                    return found
                time.sleep(0.05)
            except KafkaException as error:
                self._only_if_passing(error, afresh=True)
                time.sleep(0.05)
        return {}

    def _from_the_beginning(self, found: dict[Place, Progress]) -> dict[Place, Progress]:
        new = [place for place, progress in found.items() if progress.base is None]
        if new:
            first = self.beginning(new)
            if not first:
                return {}
            found.update((place, Progress(offset)) for place, offset in first.items())
        return found

    def _offsets(self, group: str, wanted: list[TopicPartition], *, require_stable: bool) -> dict[Place, Progress]:
        request = [ConsumerGroupTopicPartitions(group, wanted)]
        admin = self._admin
        future = admin.list_consumer_group_offsets(request, require_stable=require_stable, request_timeout=5)
        found: dict[Place, Progress] = {}
        for at in _answer(future[group]).topic_partitions:
            if at.error is not None:
                raise KafkaException(at.error)
            place = (at.topic, at.partition)
            found[place] = Progress(None) if at.offset == OFFSET_INVALID else unpack(at.offset, at.metadata)
        return found

    def _owners(self, group: str, wanted: list[TopicPartition]) -> set[str]:
        """Transactional ids of the last owners. An open transaction hides stable offsets but not these."""
        while not self._stopping():
            try:
                found = self._offsets(group, wanted, require_stable=False)
            except KafkaException as error:
                self._only_if_passing(error)
                time.sleep(0.05)
                continue
            return {progress.owner for progress in found.values() if progress.owner}
        return set()

    def _alive(self, group: str) -> set[str]:
        """Transactional ids of the group's members: each consumer's client id is its worker's."""
        while not self._stopping():
            try:
                admin = self._admin
                members = _answer(admin.describe_consumer_groups([group], request_timeout=5)[group]).members
            except KafkaException as error:
                self._only_if_passing(error)
                time.sleep(0.05)
                continue
            return {member.client_id for member in members} | {self._own_id}
        return {self._own_id}

    def _only_if_passing(self, error: KafkaException, *, afresh: bool = False) -> None:
        """Raise what time does not mend. With `afresh`, and after an error that no broker gave, ask by a new client.

        After a broker's restart a client may go on asking the connection or the leader epoch that it knew (measured:
        for as long as it lives, one start in three); a new one asks afresh.
        """
        if lasts(error.args[0]):
            raise error
        if afresh or error.args[0].code() < 0:
            log.info("asking Kafka by a new client", error=str(error.args[0]))
            self._admin = self._new_admin()

    def _fence(self, transactional_id: str) -> None:
        """Abort what a dead owner left open. Takes effect with the first request, so nobody waits for the answer."""
        running = self._fencing.get(transactional_id)
        if running is not None and running.is_alive():
            return
        thread = threading.Thread(
            target=fence, args=(self._bootstrap, transactional_id), name=f"fence {transactional_id}", daemon=True
        )
        self._fencing[transactional_id] = thread
        thread.start()


def _answer(future: Future[Any]) -> Any:
    """An admin client's answer; one that never comes counts as an error of the connection."""
    try:
        return future.result(ANSWER_S)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the admin client gave no answer")) from None


def fence(bootstrap: str, transactional_id: str) -> None:
    """Initialise a transactional id: whoever used it is shut out, its open transaction is aborted."""
    log.info("fencing a dead owner", transactional_id=transactional_id)
    try:
        Producer(producer_config(bootstrap, transactional_id)).init_transactions(30)
    except KafkaException as error:
        log.warning("fencing failed", transactional_id=transactional_id, error=str(error.args[0]))
