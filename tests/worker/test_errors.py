"""The reaction to each error of the transactional protocol (the table in RATIONALE.md), each provoked.

Where the broker cannot be made to give an error at the moment that matters, the seam raises it inside a real, open
transaction; everything after that is real.
"""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from misstep.agents.worker.slot import SlotTaken
from misstep.agents.worker.worker import Worker
from misstep.bus.takeover import fence
from misstep.dev.kafka import EmbeddedKafka
from misstep.testing.servers import real_servers
from tests.conftest import Servers
from tests.worker.conftest import Site, until
from tests.worker.load import Load
from tests.worker.oracle import read_all
from tests.worker.score import Order


def failures(worker: Worker, error: str) -> float:
    """How many transactions failed with an error."""
    return worker.metrics.registry.get_sample_value("misstep_transactions_failed_total", {"error": error}) or 0.0


def raising(error: KafkaError, where: str, times: int = 1, after: int = 2) -> Callable[[str], None]:
    """A seam that raises an error inside the open transaction."""
    passed = 0

    def seam(name: str) -> None:
        nonlocal passed
        if name == where:
            passed += 1
            if after < passed <= after + times:
                raise KafkaException(error)

    return seam


@pytest.mark.parametrize(
    ("code", "where", "times"),
    [
        (KafkaError.ILLEGAL_GENERATION, "before_offsets", 3),
        (KafkaError.UNKNOWN_MEMBER_ID, "before_offsets", 2),
        (KafkaError._INCONSISTENT, "after_offsets", 2),
        (KafkaError._MSG_TIMED_OUT, "after_offsets", 1),
        (KafkaError.COORDINATOR_NOT_AVAILABLE, "after_produce", 2),
    ],
)
def test_an_aborted_transaction_is_made_again_without_running_anything_again(
    site: Site, code: int, where: str, times: int
) -> None:
    error = KafkaError(code, "provoked", txn_requires_abort=True)
    with site.hosting(seam=raising(error, where, times)) as worker:
        ids = site.publish([Order(number=number) for number in range(120)])
        site.wait_for_outcomes(len(ids), 30)
        assert failures(worker, error.name()) == times
    log = site.check(ids)
    assert {seen.text("ce_attempts") for seen in log[site.topics.agent("read")]} == {"1"}


def test_a_rebalance_in_the_middle_of_a_transaction_costs_a_transaction_and_nothing_else(site: Site) -> None:
    """ILLEGAL_GENERATION from the broker itself: a second worker joins while the first is about to send offsets."""
    joined = threading.Event()
    held = threading.Event()

    def seam(name: str) -> None:
        if name == "before_offsets" and not joined.is_set():
            held.set()
            joined.wait(15)

    with site.hosting(seam=seam) as worker:
        ids = site.publish([Order(number=number) for number in range(60)])
        assert held.wait(15)
        site.start("newcomer")
        admin = AdminClient({"bootstrap.servers": site.kafka})
        group = site.topics.group("read")

        def two_members() -> bool:
            return len(admin.describe_consumer_groups([group])[group].result().members) == 2

        assert until(two_members)
        time.sleep(1.5)
        joined.set()
        site.wait_for_outcomes(len(ids), 40)
        assert failures(worker, "ILLEGAL_GENERATION") >= 1
    site.check(ids)


def test_a_fenced_worker_starts_over_from_what_is_committed(site: Site) -> None:
    with site.hosting() as worker:
        load = Load(site, 150, 5)
        assert until(lambda: len(read_all(site.kafka, [site.topics.outcomes])) > 60)
        fence(site.kafka, f"{site.namespace}.test-0")
        assert until(lambda: failures(worker, "_FENCED") >= 1)
        time.sleep(1)
        ids = load.stop()
        site.wait_for_outcomes(len(ids), 40)
    site.check(ids)


def run_until_stopped(site: Site) -> None:
    """Host a worker until something stops it; raises what that was."""
    with site.hosting() as worker:
        assert until(lambda: worker.stopped, 40)


def test_a_worker_that_is_fenced_again_and_again_stops_and_says_why(site: Site) -> None:
    stop = threading.Event()

    def rival() -> None:
        while not stop.is_set():
            fence(site.kafka, f"{site.namespace}.test-0")
            time.sleep(0.2)

    thread = threading.Thread(target=rival)
    load = Load(site, 50, 6)
    thread.start()
    try:
        with pytest.raises(SlotTaken, match=r"Another live process uses the slot"):
            run_until_stopped(site)
    finally:
        stop.set()
        thread.join()
        load.stop()


def test_an_output_that_the_broker_refuses_becomes_a_failure_and_the_rest_goes_on(site: Site) -> None:
    """MSG_SIZE_TOO_LARGE at commit: the topic's limit is lower than the client's."""
    site.limit(site.topics.agent("read"), 20_000)
    with site.hosting():
        ids = site.publish([Order(number=n, padding="x" * 40_000 if n == 7 else "") for n in range(30)])
        site.wait_for_outcomes(len(ids), 30)
    log = site.check(ids)
    (failed,) = log[site.topics.failed("read")]
    assert failed.text("ce_subject") == "case-7"
    assert failed.text("ce_failurereason") == "schema_invalid"
    assert failed.text("ce_failuredetail").startswith("output: Kafka refused the event")


def test_events_that_were_deleted_before_they_were_read_are_said_loudly_and_the_rest_goes_on(site: Site) -> None:
    with site.hosting():
        first = site.publish([Order(number=number) for number in range(20)])
        site.wait_for_outcomes(len(first), 30)
    site.publish([Order(number=number) for number in range(100, 120)])
    admin = AdminClient({"bootstrap.servers": site.kafka})
    ends = {seen.partition: seen.offset for seen in read_all(site.kafka, [site.topics.cases])}
    places = [TopicPartition(site.topics.cases, partition, end + 1) for partition, end in ends.items()]
    for future in admin.delete_records(places).values():
        future.result()
    process = site.processes[site.start("late")]
    last = site.publish([Order(number=number) for number in range(200, 220)])
    site.wait_for_outcomes(len(first | last), 30)
    assert site.end(process) == 0
    said = [line for line in site.log_of("late") if line["event"] == "events were deleted before they were read"]
    assert len(said) == len(ends)
    outcomes = {seen.text("ce_subject") for seen in read_all(site.kafka, [site.topics.outcomes])}
    assert outcomes == first | last


@pytest.fixture(scope="module")
def own_servers() -> Iterator[tuple[Servers, EmbeddedKafka]]:
    """A broker of one's own, to be broken."""
    with real_servers(embedded_only=True) as running:
        assert running.data is not None
        yield Servers(running.bootstrap_servers, running.dsn), EmbeddedKafka(running.data / "kafka")


def test_a_broker_that_freezes_and_one_that_dies_cost_time_and_nothing_else(
    own_servers: tuple[Servers, EmbeddedKafka], make_site_on: Callable[[Servers, str], Site]
) -> None:
    servers, kafka = own_servers
    site = make_site_on(servers, "work")
    site.start("a")
    load = Load(site, 80, 9)
    assert until(lambda: len(load.ids) > 150)
    kafka.pause()
    time.sleep(4)
    kafka.resume()
    time.sleep(2)
    kafka.kill()
    time.sleep(1)
    kafka.start()
    time.sleep(2)
    ids = load.stop()
    site.wait_for_outcomes(len(ids), 60)
    site.check(ids)
