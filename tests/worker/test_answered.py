"""What our own events answer is not run again, whatever the group's coordinator shows."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from misstep.agents.worker import answered
from misstep.saga.compile import compile_plan
from tests.joins.survey import Ask, survey
from tests.undo.trip import JOURNAL, Wish, journal, trip
from tests.worker.conftest import Site, until
from tests.worker.oracle import read_all
from tests.worker.score import Order


def forget(site: Site, groups: list[str], back_to: float) -> None:
    """Have the groups' coordinator show less than was committed: for each partition this share of it."""
    admin = AdminClient({"bootstrap.servers": site.kafka})
    for group in map(site.topics.group, groups):
        found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(10)
        less = [
            TopicPartition(at.topic, at.partition, int(at.offset * back_to))
            for at in found.topic_partitions or []
            if at.offset > 0
        ]

        if less:
            assert until(partial(altered, admin, ConsumerGroupTopicPartitions(group, less)), every_s=0.5)


def altered(admin: AdminClient, request: ConsumerGroupTopicPartitions) -> bool:
    """Alter what a group has committed; refused while its members' session lasts."""
    try:
        answer = admin.alter_consumer_group_offsets([request])[request.group_id].result(10)
    except KafkaException:
        return False
    return all(at.error is None for at in answer.topic_partitions or [])


@pytest.mark.parametrize("back_to", [0.0, 0.6])
def test_agents_run_nothing_again(site: Site, back_to: float) -> None:
    with site.hosting(carry=False):
        ids = site.publish([Order(number=number) for number in range(150)])
        site.wait_for_outcomes(len(ids))
    forget(site, [*site.agents, *(f"{name}.aside" for name in site.agents)], back_to)
    with site.hosting(carry=False):
        ids |= site.publish([Order(number=number) for number in range(150, 160)])
        site.wait_for_outcomes(len(ids))
        time.sleep(1)
    site.check(ids)


def test_cases_are_taken_back_once(
    make_site_of: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal"
    monkeypatch.setenv(JOURNAL, str(file))
    site = make_site_of(compile_plan(trip))
    with site.hosting(carry=False):
        ids = site.publish([Wish(number=number, script={"pay": ["refused"]}) for number in range(40)])
        site.wait_for_outcomes(len(ids))
    forget(site, ["coordinator", *(f"{name}.undo" for name in site.agents)], 0.5)
    with site.hosting(carry=False):
        ids |= site.publish([Wish(number=40, script={"pay": ["refused"]})])
        site.wait_for_outcomes(len(ids))
        time.sleep(1)
    site.check(ids)
    undone = [(line["case"], line["step"]) for line in journal(file) if line["what"] == "undo"]
    assert len(undone) == len(set(undone))


def test_an_answer_to_another_case_at_the_same_place_counts_for_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a topic was deleted and made anew under the events that remain."""
    with site.hosting(carry=False):
        ids = site.publish([Order(number=number) for number in range(20)])
        site.wait_for_outcomes(len(ids))

    def of_others(*a: object, **k: object) -> object:
        bases = a[1]
        assert isinstance(bases, dict)
        return {place: {base + more: b"another" for more in range(100)} for place, base in bases.items()}

    monkeypatch.setattr("misstep.agents.worker.assignment.answered_beyond", of_others)
    with site.hosting(carry=False):
        ids |= site.publish([Order(number=number) for number in range(20, 30)])
        site.wait_for_outcomes(len(ids))
    site.check(ids)


def test_a_transaction_that_somebody_leaves_open_is_not_waited_for_for_ever(site: Site) -> None:
    with site.hosting(carry=False):
        ids = site.publish([Order(number=number) for number in range(20)])
        site.wait_for_outcomes(len(ids))
    left = Producer({"bootstrap.servers": site.kafka, "transactional.id": f"{site.namespace}.left"})
    left.init_transactions(10)
    left.begin_transaction()
    for partition in range(2):
        left.produce(site.topics.failed("read"), b"{}", b"left", partition)
    left.flush(10)
    began = time.monotonic()
    with site.hosting(carry=False):
        ids |= site.publish([Order(number=number) for number in range(20, 30)])
        assert until(lambda: len(read_all(site.kafka, [site.topics.agent("read")])) == len(ids))
    assert time.monotonic() - began > answered.OPEN_WITHIN_S
    left.abort_transaction(10)


@pytest.mark.parametrize("back_to", [0.0, 0.5])
def test_branches_meet_once(make_site_of: Callable[..., Site], back_to: float) -> None:
    site = make_site_of(compile_plan(survey))
    with site.hosting(carry=False):
        ids = site.publish([Ask(number=number) for number in range(40)])
        site.wait_for_outcomes(len(ids))
    (join,) = site.plan.joins
    forget(site, [*site.agents, *(f"{name}.aside" for name in site.agents), f"{join}.join"], back_to)
    with site.hosting(carry=False):
        ids |= site.publish([Ask(number=number) for number in range(40, 45)])
        site.wait_for_outcomes(len(ids))
        time.sleep(1)
    site.check(ids)
