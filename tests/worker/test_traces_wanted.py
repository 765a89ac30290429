"""When traces are made: if somebody asks for them, and OpenTelemetry's own switches do not forbid it."""

from __future__ import annotations

import http.server
import sys
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from misstep.agents.span import span_of
from misstep.agents.traces_wanted import asked_for, open_traces
from misstep.contracts.event import Record
from misstep.errors import UsageError

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("setting", "environ", "who"),
    [
        (None, {}, None),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        ("http://c:4318", {}, "MISSTEP_OTLP"),
        ("http://c:4318", HERE | {"OTEL_SDK_DISABLED": "true"}, "MISSTEP_OTLP"),
        (None, HERE, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        (None, HERE | {"OTEL_SDK_DISABLED": "true"}, None),
        (None, HERE | {"OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_who_asks_for_traces(setting: str | None, environ: dict[str, str], who: str | None) -> None:
    assert asked_for(setting, environ) == who


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra had never been installed."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "misstep.agents.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # type: ignore[arg-type]  # import fails


@pytest.mark.usefixtures("without_extra")
def test_asking_by_our_own_setting_without_the_extra_is_a_sentence_that_says_how_to_install_it() -> None:
    with pytest.raises(UsageError, match=r"MISSTEP_OTLP asks for traces, .* pip install 'misstep\[otel\]'\."):
        open_traces("http://127.0.0.1:4318", {}, {}, [])


@pytest.mark.usefixtures("without_extra")
def test_a_clusters_variable_without_the_extra_is_no_reason_not_to_run() -> None:
    assert open_traces(None, HERE, {}, []) is None


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


EVENT = Record(
    "ns.work.read",
    0,
    b"case-1",
    b"{}",
    [
        ("ce_subject", b"case-1"),
        ("ce_workflow", b"work"),
        ("ce_agent", b"read"),
        ("ce_time", b"2026-01-02T03:04:05.678Z"),
        ("ce_failurereason", b"ok"),
        ("ce_route", b"next"),
        ("ce_latencyms", b"8"),
        ("ce_tries", b'[["model_down",1000]]'),
        ("ce_prevhash", b"aa" * 32 + b"," + b"bb" * 32),
        ("traceparent", b"00-" + b"12" * 16 + b"-" + b"34" * 8 + b"-01"),
    ],
)


def test_spans_reach_a_collector_over_otlp() -> None:
    got: list[tuple[str, bytes]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Collector,), {"got": got}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        traces = open_traces(f"http://127.0.0.1:{server.server_port}", {}, {"service.version": "b1"}, [])
        assert traces is not None
        made = span_of(EVENT)
        traces._export(made)
        traces.close()
    finally:
        server.shutdown()
        server.server_close()
    ((path, body),) = got
    assert path == "/v1/traces"
    (of_process,) = ExportTraceServiceRequest.FromString(body).resource_spans
    resource = {one.key: one.value.string_value for one in of_process.resource.attributes}
    assert (resource["service.name"], resource["service.version"]) == ("misstep", "b1")
    (span,) = of_process.scope_spans[0].spans
    assert (span.name, span.trace_id.hex(), span.span_id.hex()) == ("read", "12" * 16, "34" * 8)
    assert span.parent_span_id.hex() == "aa" * 8
    assert [link.span_id.hex() for link in span.links] == ["bb" * 8], "a join has several parents"
    assert span.end_time_unix_nano - span.start_time_unix_nano == 1_008_000_000, "attempts, and the wait between them"


def test_what_is_no_state_version_has_no_span() -> None:
    letter = Record("ns.work.dlq", 0, b"case-1", b"{}", EVENT.headers)
    foreign = Record("ns.work.read", 0, b"case-1", b"{}", [("traceparent", b"00-nonsense")])
    assert span_of(letter) is None
    assert span_of(foreign) is None
