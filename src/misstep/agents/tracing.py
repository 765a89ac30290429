"""OpenTelemetry: one case is one trace, across agents, retries, hand-overs and undos.

Spans are made of what was committed (`span.py`), after the commit and in a thread of their own: a turn waits for none
of it, and one that was run twice because its process died has one span. Needs the extra `otel`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

from misstep.agents.plan import Plan
from misstep.agents.span import Span, span_of, span_of_input
from misstep.logs import forward

if TYPE_CHECKING:
    from misstep.agents.worker.committer import Finished

log = structlog.get_logger(__name__)

WAITING_MAX_BATCHES = 1_000
"""Transactions whose spans are not made yet; further ones go without, and a log line says so."""
WAITING_MAX_SPANS = 20_000
CLOSE_S = 10.0


class GivenIds(IdGenerator):
    """Ids that are known before the span is made: an event's own."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class Traces:
    """Makes the spans of what a worker commits and hands them to an exporter."""

    def __init__(
        self,
        exporter: SpanExporter,
        resource: Mapping[str, str],
        plans: Iterable[Plan],
        waiting_max_spans: int | None = WAITING_MAX_SPANS,
    ) -> None:
        """resource: what is said of this process (`service.version`, ...). plans: the workflows that it takes part in.
        waiting_max_spans: made and not yet sent; further ones are dropped. None: as OTEL_BSP_MAX_QUEUE_SIZE says.

        OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_BSP_* are honoured.
        """
        self._ids = GivenIds()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "misstep", **resource}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, waiting_max_spans))
        self._tracer = self._provider.get_tracer("misstep")
        self._first: dict[str, str] = {}
        """Who tells of a case that no worker wrote: of those that begin with it, the first by name."""
        for plan in plans:
            self._first[plan.workflow] = min((one.name for one in plan.agents.values() if one.reads_cases), default="")
        self._waiting: queue.Queue[Sequence[Finished] | None] = queue.Queue(WAITING_MAX_BATCHES)
        self._said = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def committed(self, batch: Sequence[Finished]) -> None:
        """A transaction was committed. (The commit thread; never waits.)"""
        try:
            self._waiting.put_nowait(batch)
        except queue.Full:
            if not self._said:
                self._said = True
                log.warning("traces cannot keep up; some turns have no span", batches_waiting=WAITING_MAX_BATCHES)

    def close(self) -> None:
        """Hand over what is left, for at most CLOSE_S."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
        self._provider.force_flush(round(CLOSE_S * 1000))
        self._provider.shutdown()

    def _run(self) -> None:
        while (batch := self._waiting.get()) is not None:
            for turn in batch:
                try:
                    self._tell(turn)
                except Exception:
                    log.exception("an event could not be told as a span")

    def _tell(self, turn: Finished) -> None:
        if turn.origin is not None and turn.records:
            lineage = turn.origin.lineage
            workflow = dict(turn.records[0].headers).get("ce_workflow") or b""
            if lineage.version != 0 or self._first.get(workflow.decode()) == turn.group.name:
                self._export(span_of_input(turn.origin, turn.records[0]))
        for record in turn.records:
            self._export(span_of(record))

    def _export(self, span: Span | None) -> None:
        if span is None:
            return

        def at(span_id: int) -> trace.SpanContext:
            return trace.SpanContext(span.trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(span.flags))

        self._ids.trace_id, self._ids.span_id = span.trace_id, span.span_id
        context = Context()
        if span.parent_id is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(at(span.parent_id)), context)
        made = self._tracer.start_span(
            span.name,
            context,
            trace.SpanKind.CONSUMER,
            span.attributes,
            [trace.Link(at(linked)) for linked in span.linked_ids],
            span.start_ns,
            record_exception=False,
        )
        for moment in span.moments:
            made.add_event(moment.name, moment.attributes, moment.at_ns)
        if span.failed is not None:
            made.set_status(trace.StatusCode.ERROR, span.failed)
        made.end(span.end_ns)


def otlp_traces(
    endpoint: str | None,
    resource: Mapping[str, str],
    plans: Iterable[Plan],
    waiting_max_spans: int | None = WAITING_MAX_SPANS,
) -> Traces:
    """Traces over OTLP/HTTP. endpoint: a collector's base address; None: as OTEL_EXPORTER_OTLP_ENDPOINT says."""
    forward("opentelemetry")
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces") if endpoint else OTLPSpanExporter()
    return Traces(exporter, resource, plans, waiting_max_spans)
