"""Whatever stands in Kafka becomes a row that says what was unreadable; nothing stops the sink."""

from __future__ import annotations

import base64
import json
from typing import Any

import psycopg
import pytest
from confluent_kafka import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misstep.bus.topics import Topics
from misstep.contracts.event import hash_of_bare_case
from misstep.store.jsonb_text import jsonb_text
from misstep.store.record_batch import BatchRecorder
from misstep.store.sink_offsets import PlaceMoved, group_places, put_places
from misstep.store.sink_session import sink_session
from misstep.store.source import sources
from tests.store.conftest import Database, running_sink, wait_until_recorded
from tests.store.synthetic import AGENTS, Workflow

UNTAKEN_JSON = [
    b'{"a":"\\u0000"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00\\ud800"}',
    b'{"a":NaN,"b":-Infinity}',
    b'{"a":1e400000}',
    b'{"a":1E-999999}',
    b'{"a":"line\nbreak\ttab"}',
    b'{"a":' + b"9" * 200_000 + b"}",
    b"[" * 20_000 + b"]" * 20_000,
    b'{"a":"\\\\u0000 is text"}',
    b'\xef\xbb\xbf{"bom":true}',
    b'{"a":1,"a":2}',
]
NO_JSON = [
    b"true love",
    b"{",
    b"\xff\xfe",
    b"\xc3\x01avro",
    b"hello",
    b'"half',
    b"nul",
    b"\x1f",
    b"{\x1f}",
    b"1 2",
    b"-",
]


def rows_of(db: Database, workflow: Workflow) -> list[dict[str, Any]]:
    cursor = db.cursor(row_factory=psycopg.rows.dict_row)
    cursor.execute(
        "SELECT * FROM case_turns WHERE namespace = %s ORDER BY kafka_topic, kafka_partition, kafka_offset",
        [workflow.topics.namespace],
    )
    return cursor.fetchall()


def test_values_that_postgres_does_not_take_are_rows_all_the_same(workflow: Workflow, db: Database, dsn: str) -> None:
    for value in (*UNTAKEN_JSON, *NO_JSON, b"", None):
        workflow.put(workflow.topics.cases, b"k", value)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    rows = rows_of(db, workflow)
    payloads = [row["payload"] for row in rows]
    assert payloads[0] == {"a": "\\u0000"}
    assert payloads[1] == {"a": "\\ud800"}
    assert payloads[3] == {"a": "NaN", "b": "-Infinity"}
    assert payloads[4] == {"a": "1e400000"}
    assert payloads[6] == {"a": "line\nbreak\ttab"}
    assert payloads[8] == {
        "_raw_base64": base64.b64encode(b"[" * 8_192).decode(),
        "_bytes": 40_000,
        "_cut": True,
    }
    assert payloads[9] == {"a": "\\u0000 is text"}
    assert payloads[10] == {"bom": True}
    assert payloads[11] == {"a": 2}
    for row, value in zip(rows[len(UNTAKEN_JSON) :], NO_JSON, strict=False):
        assert base64.b64decode(row["payload"]["_raw_base64"]) == value
        assert "payload" in row["evidence"]["_unreadable"]
    assert payloads[-2:] == [None, None]
    assert {row["failure_reason"] for row in rows} == {"ok"}


def test_headers_that_say_nonsense_are_kept_as_evidence(workflow: Workflow, db: Database, dsn: str) -> None:
    topic = workflow.topics.agent("extract")
    workflow.put(
        topic,
        b"k",
        b"{}",
        [
            ("ce_stateversion", b"seven"),
            ("ce_epoch", b"-1"),
            ("ce_time", b"infinity"),
            ("ce_failurereason", b"Not A Reason!"),
            ("ce_degraded", b"\xff"),
            ("ce_attempts", b"9" * 30),
            ("ce_latencyms", b"1.5"),
            ("ce_evidence", b"{broken"),
            ("ce_tries", b'[["latency_blow",\x00]]'),
            ("ce_justification", b"a\tb\nc\\d\x00\x1f\xff"),
            ("ce_agent", b"x" * 5_000),
            ("ce_hash", b"\x00"),
        ],
        at_ms=1_790_000_000_000,
    )
    workflow.put(topic, b"k", b"{}", [])
    workflow.put(workflow.topics.failed("extract"), b"k", b"{}", [])
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    nonsense, naked, failed = rows_of(db, workflow)
    unreadable = nonsense["evidence"]["_unreadable"]
    assert unreadable["ce_stateversion"] == "seven"
    assert unreadable["ce_epoch"] == "-1"
    assert unreadable["ce_time"] == "infinity"
    assert unreadable["ce_failurereason"] == "Not A Reason!"
    assert unreadable["ce_evidence"] == "{broken"
    assert unreadable["ce_latencyms"] == "1.5"
    assert nonsense["failure_reason"] == nonsense["degraded"] == "agent_fault"
    assert "Not A Reason!" in nonsense["failure_detail"]
    assert nonsense["occurred_at"].timestamp() == 1_790_000_000
    assert nonsense["justification"] == "a\tb\nc\\d\\x00\\x1f\\xff"
    assert (naked["failure_reason"], failed["failure_reason"]) == ("ok", "agent_fault")
    assert naked["evidence"]["_unreadable"]["ce_stateversion"] == "missing"


def test_keys_of_any_kind_are_case_ids(workflow: Workflow, db: Database, dsn: str) -> None:
    long = b"x" * 5_000
    for key in (b"a\tb\nc\\d", b"\xff\x00", None, b"", long, "Ünïcode-日本".encode()):
        workflow.put(workflow.topics.cases, key, b"{}")
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    ids = [row["case_id"] for row in rows_of(db, workflow)]
    assert ids[:4] == ["a\\tb\\nc\\d", "\\xff\\x00", "unkeyed-0-2", "unkeyed-0-3"]
    assert ids[4].startswith("x" * 400 + "…")
    assert len(ids[4]) == 465
    assert ids[5] == "Ünïcode-日本"


def test_a_bare_case_is_version_0_with_the_hash_its_chain_starts_with(
    workflow: Workflow, db: Database, dsn: str
) -> None:
    workflow.put(workflow.topics.cases, b"c-1", b'{"total": 1.50}', at_ms=1_790_000_000_123)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    (row,) = rows_of(db, workflow)
    assert (row["epoch"], row["state_version"], row["agent"], row["kind"], row["failure_reason"]) == (
        0,
        0,
        "cases",
        "case",
        "ok",
    )
    assert row["hash"] == hash_of_bare_case("invoice", "c-1", b'{"total": 1.50}').decode()
    assert row["occurred_at"].timestamp() == 1_790_000_000.123
    assert row["evidence"] is None


def test_a_reason_that_postgres_does_not_know_is_added_when_it_is_a_name(
    workflow: Workflow, db: Database, dsn: str
) -> None:
    case = workflow.begin("c")
    workflow.turn(case, "extract", "fraud_suspected_by_" + workflow.topics.namespace, detail="too round")
    workflow.turn(case, "post_entry", "Fraud?", detail="too round")
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    reasons = {row["failure_reason"]: row["failure_detail"] for row in rows_of(db, workflow)}
    assert reasons == {
        "ok": None,
        f"fraud_suspected_by_{workflow.topics.namespace}": "too round",
        "agent_fault": "reason 'Fraud?': too round",
    }


def test_a_dead_letter_is_kept_byte_for_byte(workflow: Workflow, db: Database, dsn: str) -> None:
    case = workflow.begin("c")
    headers = [*workflow.turn(case, "extract", "schema_invalid"), ("x", b"\xff\x00"), ("x", b"again"), ("none", None)]
    workflow.bury(case, "extract", "schema_invalid", "no total", b"\x00\xff\x1f", headers)  # type: ignore[arg-type]
    workflow.put(workflow.topics.dlq, None, None, [("dlq_reason", b"\xff"), ("dlq_epoch", b"x")])
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    cursor = db.cursor(row_factory=psycopg.rows.dict_row)
    ns = workflow.topics.namespace
    good, bad = cursor.execute(
        "SELECT * FROM dead_letters WHERE namespace = %s ORDER BY key NULLS LAST", [ns]
    ).fetchall()
    assert bytes(good["key"]) == b"c"
    assert bytes(good["value"]) == b"\x00\xff\x1f"
    kept = [(name, None if value is None else base64.b64decode(value)) for name, value in good["headers"]]
    assert kept[: len(headers)] == headers
    assert (good["reason"], good["detail"], good["attempts"]) == ("schema_invalid", "no total", 3)
    assert (good["origin_topic"], good["origin_offset"]) == (workflow.topics.agent("extract"), 7)
    assert (bad["reason"], bad["key"], bad["value"], bad["trail"]) == ("agent_fault", None, None, [])


HEADER_NAMES = [
    "ce_stateversion",
    "ce_epoch",
    "ce_failurereason",
    "ce_time",
    "ce_tries",
    "ce_evidence",
    "ce_attempts",
    "ce_hash",
    "ce_prevhash",
    "ce_agent",
    "ce_dataschema",
    "ce_degraded",
    "ce_justification",
    "ce_tokens",
    "dlq_reason",
    "dlq_caseid",
    "dlq_firstfailure",
    "dlq_offset",
]
SOME_BYTES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"0", b"7", b"ok", b"{}", b"[]", b'"\\u0000"', b"2026-01-01T00:00:00Z", b"9999-12-31T23:59:59Z"]),
    st.text(max_size=20).map(lambda text: json.dumps(text).encode()),
    st.floats().map(lambda number: json.dumps(number).encode()),
)
HEADERS = st.lists(st.tuples(st.sampled_from(HEADER_NAMES), st.one_of(st.none(), SOME_BYTES)), max_size=12)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 8), SOME_BYTES, st.one_of(st.none(), SOME_BYTES), HEADERS), min_size=1, max_size=6
    )
)
def test_no_message_at_all_is_refused(
    dsn: str, db: Database, messages: list[tuple[int, bytes, bytes | None, Any]]
) -> None:
    topics = Topics("fuzz", "invoice")
    known = list(sources(topics, AGENTS).values())
    before = _count(db)
    with sink_session(dsn, topics.audit_group()) as connection:
        first = _next_offset(db)
        batch = []
        steps = {}
        for number, (which, key, value, headers) in enumerate(messages):
            source = known[which % len(known)]
            at = (source.topic, 0)
            steps[at] = (first, first + number + 1)
            message = Message(
                topic=source.topic,
                partition=0,
                offset=first + number,
                key=key,
                value=value,
                headers=headers,
                timestamp=(1, 1_790_000_000_000),
            )
            batch.append((message, source))
        ids = {topic: "id" for topic, _ in steps}
        stored = group_places(connection, topics.audit_group())
        put_places(connection, topics.audit_group(), ids, dict.fromkeys(steps, first), stored)
        BatchRecorder(connection, topics).record(batch, steps)  # type: ignore[arg-type]
    assert _count(db) == before + len(messages)


def _count(db: Database) -> int:
    row = db.execute(
        "SELECT (SELECT count(*) FROM case_turns WHERE namespace = 'fuzz')"
        " + (SELECT count(*) FROM dead_letters WHERE namespace = 'fuzz')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _next_offset(db: Database) -> int:
    row = db.execute("SELECT coalesce(max(next_offset), 0) FROM sink_offsets WHERE topic LIKE 'fuzz.%'").fetchone()
    assert row is not None
    return int(row[0])


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: json.dumps(text).encode()))
def test_json_that_is_taken_is_json(raw: bytes) -> None:
    accepted = jsonb_text(raw)
    if accepted is not None:
        json.loads(accepted[0])


def test_two_sinks_that_believe_they_own_a_partition_cannot_both_write(dsn: str, db: Database) -> None:
    topics = Topics("zombie", "invoice")
    (source, *_) = sources(topics, AGENTS).values()
    batch = [(Message(topic=source.topic, partition=0, offset=0, key=b"k", value=b"{}", timestamp=(1, 1)), source)]
    steps = {(source.topic, 0): (0, 1)}
    with sink_session(dsn, "one") as one, sink_session(dsn, "two") as two:
        put_places(one, topics.audit_group(), {source.topic: "id"}, {(source.topic, 0): 0}, {})
        BatchRecorder(one, topics).record(batch, steps)  # type: ignore[arg-type]
        with pytest.raises(PlaceMoved):
            BatchRecorder(two, topics).record(batch, steps)  # type: ignore[arg-type]
    assert db.execute("SELECT count(*) FROM case_turns WHERE namespace = 'zombie'").fetchone() == (1,)
