"""One case is one trace: agents, retries, hand-overs and undos, as spans in memory, of a worker on the real broker."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from opentelemetry.sdk.trace import ReadableSpan

from misstep.agents.bring_back import Target, bring_back, kind_of, stopped_at
from tests.worker.conftest import Site
from tests.worker.oracle import Seen, read_all
from tests.worker.score import Order
from tests.worker.traced import span_id, spans_of, traced

SCRIPT = {"read": ["rubric_fail"], "price": ["model_down", "ok"]}
"""`read` hands over to `reread`, `price` tries twice."""


def bring_back_mended(site: Site, case_id: str) -> None:
    """An operator's event for an agent that had failed, as `misstep redrive` writes it, with a payload without bug."""
    topics = site.topics
    (failed,) = [one for one in read_all(site.kafka, [topics.failed("read")]) if one.text("ce_subject") == case_id]
    event = bring_back(
        site.plan,
        topics,
        "tests",
        stopped_at(topics, failed.topic, failed.partition, failed.offset, failed.headers),
        Target("read", b'{"number": 1}', kind_of(failed.headers)),
        now_ms=round(time.time() * 1000),
        justification="a test: mended",
        evidence={},
    )
    producer = Producer({"bootstrap.servers": site.kafka})
    producer.produce(event.topic, event.value, event.key, event.partition, headers=list(event.headers))
    assert producer.flush(10) == 0


class Told:
    """What one run came to: events and spans."""

    def __init__(self, site: Site) -> None:
        site.publish([Order(number=0, script=SCRIPT), Order(number=1, script={"read": ["bug"]})])
        site.publish_raw(b'{"number": 2}', b"bare")
        site.publish_raw(
            b'{"number": 3}', b"theirs", [("traceparent", b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01")]
        )
        with traced(site) as exporter:
            site.wait_for_outcomes(4, 40)
            bring_back_mended(site, "case-1")
            site.wait_for_outcomes(5, 40)
        self.exporter = exporter
        topics = site.topics
        names = [topics.cases, topics.outcomes]
        names += [topic for agent in site.agents for topic in (topics.agent(agent), topics.failed(agent))]
        self.events = [seen for seen in read_all(site.kafka, names) if seen.text("ce_stateversion")]

    def spans(self, case_id: str, epoch: int = 0) -> dict[str, ReadableSpan]:
        return spans_of(self.exporter, case_id, epoch)

    def event(self, case_id: str, agent: str) -> Seen:
        (found,) = [one for one in self.events if one.text("ce_subject") == case_id and one.text("ce_agent") == agent]
        return found


@pytest.fixture(scope="module")
def told(make_module_site: Callable[[str], Site]) -> Told:
    return Told(make_module_site("work"))


def test_a_case_is_one_trace_and_each_span_stands_below_what_it_follows_from(told: Told) -> None:
    spans = told.spans("case-0")
    assert list(spans) == ["cases", "read", "reread", "price", "finish", "outcomes"]
    assert len({one.context.trace_id for one in spans.values() if one.context}) == 1
    assert spans["cases"].parent is None
    for above, below in zip(list(spans)[:-1], list(spans)[1:], strict=True):
        parent = spans[below].parent
        assert parent is not None
        assert parent.span_id == span_id(spans[above])


def test_a_spans_id_is_the_one_that_its_event_carries(told: Told) -> None:
    for name, span in told.spans("case-0").items():
        trace_id, parent_id = told.event("case-0", name).text("traceparent").split("-")[1:3]
        assert span.context is not None
        assert (span.context.trace_id, span.context.span_id) == (int(trace_id, 16), int(parent_id, 16))


def test_a_span_says_what_its_event_says(told: Told) -> None:
    span, event = told.spans("case-0")["read"], told.event("case-0", "read")
    assert span.attributes is not None
    said = {name.removeprefix("misstep."): value for name, value in span.attributes.items()}
    assert (said["agent"], said["reason"], said["route"]) == ("read", "rubric_fail", "to:reread")
    assert (said["epoch"], said["version"], said["attempts"]) == (0, 1, 1)
    assert said["build"] == event.text("ce_build")
    assert span.status.description == f"rubric_fail: {event.text('ce_failuredetail')}"
    assert span.resource.attributes["service.version"] == "tests"


def test_a_retry_is_a_moment_of_its_turn_with_its_wait(told: Told) -> None:
    span = told.spans("case-0")["price"]
    (retry,) = span.events
    assert retry.attributes is not None
    assert (retry.attributes["misstep.reason"], retry.attributes["misstep.attempt"]) == ("model_down", 1)
    wait_ms = retry.attributes["misstep.wait_ms"]
    assert isinstance(wait_ms, int)
    assert wait_ms > 0
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time <= retry.timestamp <= span.end_time - wait_ms * 1_000_000
    assert span.status.is_ok or span.status.is_unset


def test_the_end_says_how_it_ended(told: Told) -> None:
    spans = told.spans("case-1")
    assert list(spans) == ["cases", "read", "outcomes"]  # the dead letter is no turn
    assert spans["outcomes"].attributes is not None
    assert spans["outcomes"].attributes["misstep.outcome"] == "dead_lettered"
    assert spans["outcomes"].attributes["misstep.ended_with"] == "agent_fault"


def test_a_case_that_is_brought_back_goes_on_in_its_trace(told: Told) -> None:
    first, second = told.spans("case-1"), told.spans("case-1", epoch=1)
    assert list(second) == ["operator", "read", "price", "finish", "outcomes"]
    assert first["read"].context is not None
    assert second["read"].context is not None
    assert first["read"].context.trace_id == second["read"].context.trace_id
    assert second["operator"].parent is not None
    assert second["operator"].parent.span_id == span_id(first["read"])
    assert second["operator"].attributes is not None
    assert second["operator"].attributes["misstep.justification"] == "a test: mended"
    assert second["read"].parent is not None
    assert second["read"].parent.span_id == span_id(second["operator"])


def test_a_case_without_headers_has_a_trace_too(told: Told) -> None:
    spans = told.spans("bare")
    assert list(spans) == ["cases", "read", "price", "finish", "outcomes"]
    assert spans["cases"].parent is None
    assert spans["read"].parent is not None
    assert spans["read"].parent.span_id == span_id(spans["cases"])


def test_a_case_of_a_producer_with_a_trace_of_its_own_goes_on_in_it(told: Told) -> None:
    spans = told.spans("theirs")
    assert {one.context.trace_id for one in spans.values() if one.context} == {int("ab" * 16, 16)}
    assert spans["cases"].parent is not None
    assert spans["cases"].parent.span_id == int("cd" * 8, 16)


def test_without_traces_nothing_of_opentelemetry_is_loaded() -> None:
    import subprocess
    import sys

    code = "import sys, misstep.composition, misstep.cli.worker_process; print('opentelemetry' in str(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
