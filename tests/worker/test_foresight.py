"""Where events will stand is told before the broker says it; a guess that was wrong is never committed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from misstep.agents.plan import Plan
from misstep.agents.worker.foresight import RIGHT_BEFORE, Foresight
from misstep.agents.worker.writing import Writer
from misstep.saga.compile import compile_plan
from tests.worker.conftest import PARTITIONS, Site
from tests.worker.test_carrying import Ore, forge

PLACE = ("topic", 0)


def transaction(foresight: Foresight, first: int, records: int = 3) -> list[int | None]:
    """Write records that come to stand from `first` on; returns where each was expected."""
    expected = []
    for _ in range(records):
        index, offset = foresight.place(*PLACE)
        expected.append(offset)
    foresight.stands(*PLACE, index, first + index)
    foresight.committed()
    return expected


def test_a_partition_is_trusted_after_some_right_guesses() -> None:
    foresight = Foresight()
    at = 100
    for _ in range(1 + RIGHT_BEFORE):
        assert transaction(foresight, at) == [None, None, None]
        at += 3 + 1  # the marker
    assert transaction(foresight, at) == [at, at + 1, at + 2]


def test_one_wrong_guess_and_it_is_not_trusted_for_a_while() -> None:
    foresight = Foresight()
    for turn in range(1 + RIGHT_BEFORE):
        transaction(foresight, 4 * turn)
    at = 4 * (1 + RIGHT_BEFORE)
    assert transaction(foresight, at + 2) == [at, at + 1, at + 2]  # somebody wrote a record, and its marker
    at += 2 + 4
    for _ in range(RIGHT_BEFORE):
        assert transaction(foresight, at) == [None, None, None]
        at += 4
    assert transaction(foresight, at)[0] == at


def test_records_of_which_nothing_was_heard_count_too() -> None:
    foresight = Foresight()
    for turn in range(1 + RIGHT_BEFORE):
        transaction(foresight, 4 * turn)
    foresight.place(*PLACE)
    foresight.committed()
    at = 4 * (1 + RIGHT_BEFORE) + 2
    assert transaction(foresight, at)[0] == at


def test_what_was_aborted_is_forgotten() -> None:
    foresight = Foresight()
    for turn in range(1 + RIGHT_BEFORE):
        transaction(foresight, 4 * turn)
    foresight.place(*PLACE)
    foresight.forget()
    assert transaction(foresight, 20)[0] is None


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(forge)


def test_histories_are_true_while_others_write_to_the_same_partitions(
    make_site_of: Callable[[Plan], Site], plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aborted transactions of another producer: nobody reads them, but they take places."""
    counted: Counter[str] = Counter()
    check = Writer.check_places

    def counting(self: Writer, batch: object) -> None:
        try:
            check(self, batch)  # type: ignore[arg-type]
        except BaseException as error:
            counted[type(error).__name__] += 1
            raise
        counted["right"] += 1

    monkeypatch.setattr(Writer, "check_places", counting)
    site = make_site_of(plan)
    ended = threading.Event()

    def intrude() -> None:
        producer = Producer({"bootstrap.servers": site.kafka, "transactional.id": f"{site.namespace}.intruder"})
        producer.init_transactions(10)
        while not ended.is_set():
            producer.begin_transaction()
            for partition in range(PARTITIONS):
                producer.produce(site.topics.agent("smelt"), b"nothing", b"nobody", partition)
            producer.flush(10)
            producer.abort_transaction(10)
            ended.wait(0.15)

    intruder = threading.Thread(target=intrude)
    with site.hosting():
        publisher = Producer({"bootstrap.servers": site.kafka, "linger.ms": 0})
        for number in range(600):
            publisher.produce(site.topics.cases, Ore(number=number).model_dump_json(), f"case-{number}")
            publisher.poll(0)
            time.sleep(0.004)
            if number == 150:
                intruder.start()
        assert publisher.flush(10) == 0
        ids = {f"case-{number}" for number in range(600)}
        site.wait_for_outcomes(len(ids))
        ended.set()
        intruder.join()
    site.check(ids)
    assert counted["Misplaced"] >= 1
    assert counted["right"] >= 20
