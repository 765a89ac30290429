"""A turn that holds its thread up for long keeps its partition and runs once; one that never returns is ended."""

from pathlib import Path

import orjson

from tests.worker.conftest import Site, until
from tests.worker.deadly import Task, runs
from tests.worker.supervised import supervised

IMPATIENT = ["--consumer", "max.poll.interval.ms=8000"]


def test_a_plain_turn_longer_than_the_poll_interval_runs_once_while_others_come_and_go(
    deadly_site: Site, journal: Path
) -> None:
    site = deadly_site
    first = site.processes[site.start("first", more=IMPATIENT)]
    ids = site.publish([Task(number=1, does={"plain": "13"})])
    assert until(lambda: runs(journal)["plain", "case-1"] == 1)
    ids |= site.publish([Task(number=n) for n in range(2, 30)])
    second = site.processes[site.start("second", more=IMPATIENT)]
    assert until(lambda: any(line["event"] == "partitions taken" for line in site.log_of("second")), 30)
    assert site.end(second) == 0
    site.wait_for_outcomes(len(ids), 60)
    site.check(ids)
    assert set(runs(journal).values()) == {1}
    assert site.end(first) == 0
    said = {line["event"] for line in site.log_of("first")}
    assert "polling stopped for too long; the group gave this worker's partitions away" not in said
    assert "partitions lost: the session ran out" not in said


def test_a_turn_that_never_returns_costs_three_processes_and_then_its_case(deadly_site: Site, journal: Path) -> None:
    """The case takes the way that the score has for `agent_fault`."""
    site = deadly_site
    ids = site.publish([Task(number=n, does={"brief": "hang"} if n == 3 else {}) for n in range(10)])
    with supervised(site, ["only"], "--stuck-after", "2") as codes:
        site.wait_for_outcomes(len(ids), 90)
    log = site.check(ids)
    assert codes == [70, 70, 70]
    assert runs(journal)["brief", "case-3"] == 3
    (outcome,) = (orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes] if seen.key == b"case-3")
    assert (outcome["outcome"], outcome["failure_reason"], outcome["agent"]) == ("compensated", "agent_fault", "brief")


def test_an_async_turn_that_blocks_the_event_loop_brings_its_process_down_too(deadly_site: Site) -> None:
    site = deadly_site
    site.start("rest", agents=[name for name in site.agents if name != "brief_coro"])
    site.publish([Task(number=3, does={"brief_coro": "hang"})])
    process = site.processes[site.start("held-up", agents=["brief_coro"], more=["--stuck-after", "2"])]
    assert process.wait(40) == 70


def test_a_drain_does_not_wait_for_turns_that_never_return(deadly_site: Site, journal: Path) -> None:
    """A plain one in its polling thread, a blocking one in a thread that the interpreter would wait for."""
    site = deadly_site
    site.publish([Task(number=1, does={"thread": "hang"})])
    process = site.processes[site.start("only", drain=1)]
    assert until(lambda: runs(journal)["thread", "case-1"] == 1, 30)
    site.publish([Task(number=2, does={"plain": "hang"})])
    assert until(lambda: runs(journal)["plain", "case-2"] == 1, 30)
    assert site.end(process) == 0


def test_a_process_that_has_lost_half_its_threads_is_replaced(deadly_site: Site) -> None:
    site = deadly_site
    site.start("rest", agents=[name for name in site.agents if name != "brief_thread"])
    site.publish([Task(number=n, does={"brief_thread": "hang"}) for n in range(20)])
    process = site.processes[site.start("losing", agents=["brief_thread"], more=["--stuck-after", "2"])]
    assert process.wait(40) == 70
