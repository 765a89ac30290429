"""Breakers and rates in a worker on the real broker: who fails fast, who stands still, and what is said of it."""

import time
from collections.abc import Callable

import orjson
import pytest

from misstep.agents.plan import Plan
from misstep.bus.topics import alerts_topic
from misstep.saga.compile import compile_plan
from tests.resilience import score as scores
from tests.resilience.host import hosting
from tests.resilience.score import Bureau, Job, Slowly, wiring_of
from tests.worker import oracle
from tests.worker.conftest import Site, until


@pytest.fixture
def bureau() -> Bureau:
    return Bureau()


def value_of(worker_registry: object, name: str, dependency: str) -> float:
    return worker_registry.get_sample_value(name, {"dependency": dependency})  # type: ignore[attr-defined, no-any-return]


def test_after_three_failures_nobody_is_asked_and_everybody_is_told_why(
    make_site_of: Callable[[Plan], Site], bureau: Bureau
) -> None:
    site = make_site_of(compile_plan(scores.fast))
    wiring = wiring_of(bureau, Slowly(), breaker="3 failures, 2s")
    bureau.down.set()
    with hosting(site.kafka, site.namespace, site.plan, wiring) as worker:
        registry = worker.metrics.registry
        assert value_of(registry, "misstep_breaker_state", "bureau") == 0
        site.publish([Job(number=number) for number in range(40)])
        site.wait_for_outcomes(40)
        asked_while_down = len(bureau.asked)
        assert value_of(registry, "misstep_breaker_opened_total", "bureau") >= 1
        bureau.down.clear()
        assert until(lambda: value_of(registry, "misstep_breaker_state", "bureau") == 1), (
            "half open without being asked"
        )
        site.publish([Job(number=number) for number in range(40, 50)])
        site.wait_for_outcomes(50)
        assert value_of(registry, "misstep_breaker_state", "bureau") == 0
    assert asked_while_down < 10
    failed = oracle.read_all(site.kafka, [site.topics.failed("hurry")])
    refused = [one for one in failed if orjson.loads(one.headers["ce_evidence"]).get("circuit") == "open"]
    assert len(refused) >= 30
    for one in refused:
        assert one.text("ce_failurereason") == "model_down"
        assert orjson.loads(one.headers["ce_evidence"])["dependency"] == "bureau"
        assert "bureau: its circuit is open for another" in one.text("ce_failuredetail")
    said = [orjson.loads(one.value or b"") for one in oracle.read_all(site.kafka, [alerts_topic(site.namespace)])]
    assert said[0] | {"at": ""} == {
        "kind": "breaker",
        "dependency": "bureau",
        "state": "open",
        "failures": 3,
        "at": "",
        "worker": "test-0",
    }
    assert [one["state"] for one in said][-2:] == ["half_open", "closed"]


def test_an_agent_that_pauses_stands_still_and_no_case_fails(
    make_site_of: Callable[[Plan], Site], bureau: Bureau
) -> None:
    site = make_site_of(compile_plan(scores.patient))
    bureau.down.set()
    with hosting(site.kafka, site.namespace, site.plan, wiring_of(bureau, Slowly())) as worker:
        site.publish([Job(number=0), Job(number=1), Job(number=2)])
        reader = worker._readers[0]
        assert until(lambda: reader.held_because == ["breaker bureau"])
        site.publish([Job(number=number) for number in range(3, 60)])
        assert until(lambda: len(bureau.asked) >= 5), "one call in a while tries it out"
        assert reader.under_way <= 3, "what was published meanwhile is in Kafka"
        bureau.down.clear()
        site.wait_for_outcomes(60)
        assert until(lambda: not reader.held_because)
    outcomes = oracle.read_all(site.kafka, [site.topics.outcomes])
    assert {orjson.loads(one.value or b"")["outcome"] for one in outcomes} == {"completed"}
    assert len(outcomes) == 60
    turns = oracle.read_all(site.kafka, [site.topics.agent("wait")])
    assert max(int(one.text("ce_latencyms")) for one in turns) < 500, "waiting is no part of a budget of 500 ms"
    assert {one.text("ce_attempts") for one in turns} <= {"1", "2"}, "and trying it out is no attempt"


def test_more_than_a_rate_allows_queues_in_threads_too_and_nothing_is_late(
    make_site_of: Callable[[Plan], Site],
) -> None:
    site = make_site_of(compile_plan(scores.paced))
    slowly = Slowly()
    began = time.monotonic()
    with hosting(site.kafka, site.namespace, site.plan, wiring_of(Bureau(), slowly)) as worker:
        site.publish([Job(number=number) for number in range(16)])
        outcomes = site.wait_for_outcomes(16)
        waits = worker.metrics.registry.get_sample_value("misstep_rate_wait_seconds_count", {"dependency": "slowly"})
    assert {orjson.loads(one.value or b"")["outcome"] for one in outcomes} == {"completed"}
    assert waits == 11
    assert time.monotonic() - began >= 3.0, "sixteen calls at five a second"
