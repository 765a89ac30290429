"""A case is taken back in transactions of its own: it does not wait for those of ordinary traffic."""

import threading
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from misstep.bus.progress import unpack
from tests.undo.trip import Wish
from tests.worker.conftest import Site, until
from tests.worker.oracle import read_all


def test_a_case_is_taken_back_while_a_transaction_of_turns_stands_open(site: Site, journal_file: Path) -> None:
    failed, held, let_go = threading.Event(), threading.Event(), threading.Event()

    def seam(name: str) -> None:
        of_saga = threading.current_thread().name.endswith(".saga")
        if of_saga and name == "before_begin":
            held.wait(20)
        elif not of_saga and name == "after_produce" and failed.is_set():
            held.set()
            let_go.wait(20)

    ids = site.publish([Wish(number=1, script={"pay": ["refused"]})])
    with site.hosting(seam=seam):
        assert until(lambda: bool(read_all(site.kafka, [site.topics.failed("pay")])))
        failed.set()
        ids |= site.publish([Wish(number=2)])
        assert held.wait(20)
        site.wait_for_outcomes(1)
        assert not let_go.is_set()
        (seen,) = read_all(site.kafka, [site.topics.outcomes])
        assert (seen.text("ce_subject"), b'"compensated"' in (seen.value or b"")) == ("case-1", True)
        let_go.set()
        site.wait_for_outcomes(2)
    site.check(ids)


def test_who_takes_cases_back_signs_with_a_producer_of_its_own(site: Site) -> None:
    site.publish([Wish(number=1, script={"pay": ["refused"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    owners = {group: owners_of(site, group) for group in ("pay", "coordinator", "hold_car.undo")}
    own = f"{site.namespace}.test-0"
    assert owners == {"pay": {own}, "coordinator": {f"{own}.saga"}, "hold_car.undo": {f"{own}.saga"}}


def owners_of(site: Site, group: str) -> set[str]:
    """Who has signed for the partitions of a group."""
    name = site.topics.group(group)
    admin = AdminClient({"bootstrap.servers": site.kafka})
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result(10)
    return {unpack(at.offset, at.metadata).owner for at in found.topic_partitions or []} - {""}
