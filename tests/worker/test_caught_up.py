"""What a group has committed is asked for only when its coordinator shows all that it, or another, had acknowledged.

A coordinator that lags behind what its predecessor acknowledged cannot be had on demand, so it is played here; `make
chaos` meets real ones.
"""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from misstep.agents.subscription import Subscription
from misstep.agents.worker.assignment import Assignment
from misstep.agents.worker.metrics import Metrics
from misstep.bus.progress import Progress
from misstep.bus.topics import control_topic
from tests.worker.conftest import Site

BESIDE = TopicPartition("ns.control", 0, 0)
WANTED = [TopicPartition("ns.work.cases", 0)]


class Coordinator:
    """Of a group, as its member and an admin client see it: some answers to commits are given first."""

    incarnation = "abc"

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        self.asked.append(f"commit {offsets[0].topic}")
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise KafkaException(KafkaError(answer))
        return offsets

    def consumer_group_metadata(self) -> object:
        return object()

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.asked.append(f"assign from {partitions[0].offset}")

    def resume(self, partitions: list[TopicPartition]) -> None: ...

    def claim(self, group: str, places: list[tuple[str, int]], sweep: object) -> dict[tuple[str, int], Progress]:
        self.asked.append("claim")
        return {place: Progress(7) for place in places}

    def beginning(self, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return dict.fromkeys(places, 0)


def assignment(coordinator: Coordinator) -> Assignment:
    subscription = Subscription("price", "ns.work.price", {"ns.work.cases": None})
    return Assignment(
        cast(Any, coordinator),
        subscription,
        bootstrap="",
        transactional_id="ns.slot",
        takeover=cast(Any, coordinator),
        commit_lock=threading.Lock(),
        sweep=lambda metadata, at: None,
        metrics=Metrics().of("work"),
        gathering=None,
        stands_still=lambda: False,
        stopping=lambda: False,
        closing=lambda: False,
        before_giving=lambda partitions: None,
        start_over=coordinator.asked.append,
        beside=BESIDE,
    )


@pytest.mark.parametrize(
    "answers",
    [(), (KafkaError._TIMED_OUT,), (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR)],
)
def test_the_coordinator_acknowledges_something_before_it_is_asked(answers: tuple[int, ...]) -> None:
    coordinator = Coordinator(*answers)
    assignment(coordinator)._on_assign(cast(Any, coordinator), WANTED)
    assert coordinator.asked == [
        *["commit ns.control"] * (len(answers) + 1),
        "claim",
        "commit ns.work.cases",
        "assign from 7",
    ]


@pytest.mark.parametrize("answer", [KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS])
def test_where_it_cannot_be_had_partitions_are_taken_over_once_more(answer: int) -> None:
    coordinator = Coordinator(answer)
    assignment(coordinator)._on_assign(cast(Any, coordinator), WANTED)
    assert coordinator.asked[:2] == ["commit ns.control", "the group has moved on"]


def test_what_time_does_not_mend_is_said() -> None:
    coordinator = Coordinator(KafkaError.GROUP_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        assignment(coordinator)._on_assign(cast(Any, coordinator), WANTED)


def test_a_real_coordinator_takes_the_commit(site: Site) -> None:
    control = control_topic(site.namespace)
    with site.hosting():
        site.publish_raw(b"{}", b"case-1")
        site.wait_for_outcomes(1)
    admin = AdminClient({"bootstrap.servers": site.kafka})
    for agent in site.agents:
        request = [ConsumerGroupTopicPartitions(site.topics.group(agent))]
        found = admin.list_consumer_group_offsets(request)[site.topics.group(agent)].result(10)
        assert (control, 0, 0) in [(at.topic, at.partition, at.offset) for at in found.topic_partitions or []]
