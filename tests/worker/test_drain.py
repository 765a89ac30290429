"""SIGTERM drains within a stated time; a second SIGTERM stops at once; a slot belongs to one process."""

import signal
import time

from tests.worker.conftest import Site, until
from tests.worker.oracle import read_all
from tests.worker.score import Order


def test_sigterm_lets_running_turns_end_and_commits_them(site: Site) -> None:
    process = site.processes[site.start("drained")]
    ids = site.publish([Order(number=number, script={"price": ["nap"]}) for number in range(40)])
    assert until(lambda: len(read_all(site.kafka, [site.topics.agent("read")])) == 40)
    assert site.end(process) == 0
    site.start("successor")
    site.wait_for_outcomes(len(ids))
    site.check(ids)


def test_sigterm_does_not_wait_longer_than_stated_and_the_unfinished_turn_runs_elsewhere(site: Site) -> None:
    order = Order(number=1, script={"price": ["model_down", "model_down", "ok"]})
    process = site.processes[site.start("impatient", drain=0.2, agents=["read", "price"])]
    ids = site.publish([order, *(Order(number=n, script={"price": ["slow", "ok"]}) for n in range(2, 20))])
    assert until(lambda: len(read_all(site.kafka, [site.topics.agent("read")])) == 19)
    began = time.monotonic()
    assert site.end(process) == 0
    assert time.monotonic() - began < 5
    site.start("successor")
    site.wait_for_outcomes(len(ids))
    site.check(ids)


def test_a_second_sigterm_stops_at_once(site: Site) -> None:
    process = site.processes[site.start("stubborn", drain=60)]
    site.publish([Order(number=1, script={"price": ["slow"]})])
    assert until(lambda: len(read_all(site.kafka, [site.topics.agent("read")])) == 1)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(3) in (130, 0)


def test_two_processes_in_one_slot_do_not_fence_each_other_for_ever(site: Site) -> None:
    first = site.processes[site.start("same")]
    ids = site.publish([Order(number=number) for number in range(50)])
    assert until(lambda: bool(read_all(site.kafka, [site.topics.outcomes])))
    second = site.processes[site.start("same")]
    assert until(lambda: first.poll() is not None or second.poll() is not None, 60), "both go on"
    site.wait_for_outcomes(len(ids))
    site.check(ids)
