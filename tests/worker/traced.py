"""A worker with traces, and its spans in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from misstep.agents.tracing import Traces
from misstep.agents.wiring import Wiring
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.contracts import LocalSchemas
from tests.worker.conftest import Site


@contextmanager
def traced(site: Site, slot: str = "traced-0") -> Iterator[InMemorySpanExporter]:
    """A worker with traces, in a thread; every span is there when the block has ended."""
    exporter = InMemorySpanExporter()
    hosted = [(site.plan, agent) for agent in site.plan.agents.values()]
    settings = WorkerSettings(site.kafka, site.namespace, slot, "tests", drain_s=5)
    traces = Traces(exporter, {"service.version": "tests"}, [site.plan])
    worker = Worker(settings, hosted, Wiring(), LocalSchemas(), traces=traces)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    assert worker.ready.wait(20)
    try:
        yield exporter
    finally:
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()


def spans_of(exporter: InMemorySpanExporter, case_id: str, epoch: int = 0) -> dict[str, ReadableSpan]:
    """The spans of one life of a case by name, each once."""
    found = []
    for one in exporter.get_finished_spans():
        assert one.attributes is not None
        if (one.attributes["misstep.case_id"], one.attributes["misstep.epoch"]) == (case_id, epoch):
            found.append(one)
    by_name = {one.name: one for one in found}
    assert len(by_name) == len(found)
    return by_name


def span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id
