"""A case that stands still is ended in the place of the agent that is down, once, whatever comes back meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from misstep import Choreography, compensate
from misstep.agents.plan import Plan
from misstep.agents.worker.watchdog import Watchdog
from misstep.contracts import LocalSchemas
from misstep.saga.compile import compile_plan
from misstep.store.sink import Sink
from tests.joins import survey as surveyed
from tests.joins.survey import Ask
from tests.undo import trip as tripped
from tests.undo.trip import Wish, journal
from tests.worker import oracle
from tests.worker.conftest import Site

WAIT_S = 3.0


@pytest.fixture(scope="module")
def impatient() -> Plan:
    """The trip, with a short time budget."""
    score = Choreography("trip", starts=Wish, deadline="4s", handoffs=1)
    score.on(tripped.hold_seat, waive="nothing of its own can fail")
    score.on(tripped.hold_room, model_down=compensate, latency_blow=compensate)
    score.on(tripped.hold_car, waive="nothing of its own can fail", latency_blow=compensate)
    score.on(tripped.pay, compliance_fail=compensate, model_down=compensate, latency_blow=compensate)
    score.undo(tripped.hold_seat)(tripped.release_seat)
    score.undo(tripped.hold_room)(tripped.release_room)
    score.undo(tripped.hold_car)(tripped.release_car)
    score.undo(tripped.pay)(tripped.refund)
    return compile_plan(score)


@contextmanager
def audited(site: Site, postgres: str, *, watchdogs: int = 1) -> Iterator[None]:
    """The audit sink and watchdogs over a site, while the block lasts."""
    stop = threading.Event()
    sink = Sink(site.kafka, postgres, site.topics, site.agents)
    threads = [threading.Thread(target=sink.run, args=(stop,))]
    for _ in range(watchdogs):
        dog = Watchdog(
            site.kafka, postgres, site.namespace, [site.plan], "tests", LocalSchemas(), wait_s=WAIT_S, grace_s=0.5
        )
        threads.append(threading.Thread(target=dog.run, args=(stop,)))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def endings(site: Site, log: dict[str, list[oracle.Seen]]) -> dict[str, dict[str, str]]:
    return {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes]}


def test_a_stalled_case_is_taken_back_and_its_agent_leaves_it_alone_when_it_returns(
    make_site_of: Callable[[Plan], Site],
    impatient: Plan,
    audit: str,
    journal_file: Path,
) -> None:
    site = make_site_of(impatient)
    ids = site.publish([Wish(number=n) for n in range(3)])
    with audited(site, audit, watchdogs=2):
        with site.hosting(agents=["hold_seat", "hold_room"]):
            oracle.wait_for(site.kafka, site.topics.undo, 3, 60)  # what hold_car may have done, it undoes itself
        with site.hosting(slot="other-0"):
            late = site.publish([Wish(number=9)])
            site.wait_for_outcomes(4)
    log = site.check(ids | late)
    ended = endings(site, log)
    assert {ended[case]["outcome"] for case in ids} == {"compensated"}
    assert {(ended[case]["failure_reason"], ended[case]["agent"]) for case in ids} == {("latency_blow", "hold_car")}
    assert ended["case-9"]["outcome"] == "completed"
    done = [(line["what"], line["step"]) for line in journal(journal_file) if line["case"] == "case-1"]
    assert ("do", "hold_car") not in done
    assert done.count(("undo", "hold_seat")) == 1


def test_an_agent_that_returns_while_the_watchdog_acts_never_makes_a_second_ending(
    make_site_of: Callable[[Plan], Site],
    impatient: Plan,
    audit: str,
    journal_file: Path,
) -> None:
    site = make_site_of(impatient)
    with audited(site, audit), site.hosting(agents=["hold_seat", "hold_room"]):
        ids = site.publish([Wish(number=n) for n in range(20)])
        oracle.wait_for(site.kafka, f"{site.namespace}.control", 1, 60)
        with site.hosting(agents=["hold_car", "pay"], slot="other-0"):
            time.sleep(WAIT_S)
        with site.hosting(agents=["hold_car", "pay"], slot="other-0"):
            site.wait_for_outcomes(20)
    log = site.check(ids)
    assert {one["failure_reason"] for one in endings(site, log).values()} == {"latency_blow"}


def test_a_branch_whose_agent_is_down_is_held_like_any_failure(
    make_site_of: Callable[[Plan], Site],
    audit: str,
    journal_file: Path,
) -> None:
    score = Choreography("survey", starts=Ask, deadline="4s", handoffs=1)
    score.on(surveyed.open_file, waive="nothing of its own can fail")
    score.on(surveyed.ask_left, fork="sides", rubric_fail=compensate, model_down=compensate, compliance_fail=compensate)
    score.on(surveyed.ask_middle, fork="sides", compliance_fail=compensate, latency_blow=compensate)
    score.on(surveyed.ask_right, compliance_fail=compensate, model_down=compensate, latency_blow=compensate)
    score.on(surveyed.put_together, invariant_broken=compensate, model_down=compensate, latency_blow=compensate)
    score.on(surveyed.close_file, compliance_fail=compensate)
    for agent, undo in (
        (surveyed.open_file, surveyed.unopen),
        (surveyed.ask_left, surveyed.unask_left),
        (surveyed.ask_right, surveyed.unask_right),
        (surveyed.close_file, surveyed.unclose),
    ):
        score.undo(agent)(undo)  # type: ignore[arg-type]
    site = make_site_of(compile_plan(score))
    ids = site.publish([Ask(number=n) for n in range(2)])
    with audited(site, audit), site.hosting(agents=[name for name in site.agents if name != "ask_middle"]):
        site.wait_for_outcomes(2)
    log = site.check(ids)
    assert {one["outcome"] for one in endings(site, log).values()} == {"compensated"}
    assert {one["failure_reason"] for one in endings(site, log).values()} == {"latency_blow"}
    undone = [line["step"] for line in journal(journal_file) if line["case"] == "case-1" and line["what"] == "undo"]
    assert undone == ["ask_left", "open_file"]
