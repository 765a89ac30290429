"""What is told of a case: the view, the taxonomy, the story and its proof."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from rich.console import Console

from misstep.bus.topics import Topics
from misstep.dev.ports import free_port
from misstep.errors import AnswerIsNo
from misstep.store.story import as_json, tell
from misstep.store.taxonomy import taxonomy
from misstep.store.why import case_story
from tests.store.conftest import Database, HasServers, running_sink, wait_until_recorded
from tests.store.synthetic import Workflow


@pytest.fixture(scope="module")
def told(servers: HasServers, dsn: str) -> Workflow:
    """Three cases: one handed over and completed, one dead, one still running and degraded."""
    return three_cases(Workflow(servers.kafka, Topics(f"t{secrets.token_hex(4)}", "invoice")), dsn)


def three_cases(workflow: Workflow, dsn: str) -> Workflow:
    case = workflow.begin("INV-[1]")
    workflow.turn(
        case,
        "extract",
        "latency_blow",
        route="to:extract_fallback",
        detail="no answer in 2 s",
        evidence={"lines": 14},
        tries=[("latency_blow", 1_000), ("latency_blow", 2_000)],
        took_ms=3_500,
        value=b'{"total": 12.50, "lines": [1e2, 0.1]}',
    )
    workflow.turn(case, "extract_fallback", build="b2")
    workflow.turn(case, "post_entry")
    workflow.end(case)
    dead = workflow.begin("INV-2")
    headers = workflow.turn(dead, "extract", "schema_invalid", route="dead_letter", detail="no total")
    workflow.bury(dead, "extract", "schema_invalid", "no total", b"{}", headers)
    workflow.end(dead, "dead_lettered", reason="schema_invalid", agent="extract", detail="no total")
    running = workflow.begin("INV-3")
    workflow.turn(running, "extract", degraded="model_down", route="degrade")
    workflow.flush()
    with running_sink(workflow, dsn), psycopg.connect(dsn, autocommit=True) as db:
        wait_until_recorded(db, workflow)
    return workflow


def test_the_view_has_one_row_for_each_life(told: Workflow, db: Database) -> None:
    cursor = db.cursor(row_factory=psycopg.rows.dict_row)
    cursor.execute("SELECT * FROM cases WHERE namespace = %s ORDER BY case_id", [told.topics.namespace])
    done, dead, running = sorted(cursor.fetchall(), key=lambda row: ["INV-[1]", "INV-2", "INV-3"].index(row["case_id"]))
    assert (done["outcome"], done["failure_reason"], done["turns"], done["failures"]) == ("completed", "ok", 3, 1)
    assert done["ended_at"] > done["started_at"]
    assert (dead["outcome"], dead["failure_reason"], dead["agent"]) == ("dead_lettered", "schema_invalid", "extract")
    assert (running["outcome"], running["ended_at"], running["degraded"]) == (None, None, True)
    assert (running["last_agent"], running["last_reason"], running["last_route"]) == ("extract", "ok", "degrade")


def test_the_taxonomy_counts_each_failure_once(told: Workflow, dsn: str, db: Database) -> None:
    counted = taxonomy(dsn, told.topics.namespace, timedelta(hours=1), "invoice")
    said = db.execute(
        "SELECT failure_reason, count(*) FROM case_turns "
        "WHERE occurred_at > now() - interval '1 hour' AND namespace = %s GROUP BY 1",
        [told.topics.namespace],
    ).fetchall()
    assert {reason: share.count for reason, share in counted.reasons().items()} == dict(said)
    assert {reason: share.count for reason, share in counted.failures().items()} == {
        "latency_blow": 1,
        "schema_invalid": 1,
    }
    assert counted.failures()["latency_blow"].share == 0.5
    assert set(counted.by_agent()) == {("extract", "latency_blow"), ("extract", "schema_invalid")}
    assert counted.failing_share_of()["extract"].share == pytest.approx(2 / 3)
    assert counted.degraded()["extract", "model_down"].count == 1
    assert set(counted.by_build()) == {("b1", "latency_blow"), ("b1", "schema_invalid")}
    assert taxonomy(dsn, told.topics.namespace, timedelta(hours=1), "another").total == 0


def test_a_case_is_told_and_proved(told: Workflow, dsn: str) -> None:
    story = case_story(dsn, told.topics.namespace, "INV-[1]", bootstrap_servers=told.bootstrap)
    assert [(one.version, one.agent, one.reason) for one in story.versions] == [
        (0, "cases", "ok"),
        (1, "extract", "latency_blow"),
        (2, "extract_fallback", "ok"),
        (3, "post_entry", "ok"),
        (4, "outcomes", "ok"),
    ]
    assert story.versions[1].tries == [
        ("latency_blow", timedelta(seconds=1)),
        ("latency_blow", timedelta(seconds=2)),
    ]
    assert story.versions[1].since_parent == timedelta(milliseconds=3_500)
    assert story.versions[2].took_over_from == "extract"
    assert story.verified, [(one.proof, one.proof_detail, one.link) for one in story.versions]
    text = _told(story)
    for part in (
        "INV-[1]",
        "completed",
        "latency_blow → extract_fallback takes over",
        "no answer in 2 s",
        "lines=14",
        "2 attempts before: latency_blow, waited 1.0 s",
        "took over from extract",
        "every link holds; 5 of 5 events read back from Kafka and verified",
    ):
        assert part in text, text
    plain = as_json(story)
    assert plain["verified"] is True
    assert plain["versions"][1]["since_parent_ms"] == 3500
    assert plain["epochs"][0]["outcome"] == "completed"


def test_a_dead_letter_is_part_of_the_story(told: Workflow, dsn: str) -> None:
    story = case_story(dsn, told.topics.namespace, "INV-2", bootstrap_servers=told.bootstrap)
    assert [one.reason for one in story.letters] == ["schema_invalid"]
    assert "dead letter" in _told(story)
    assert "dead_lettered because of schema_invalid in extract: no total" in _told(story)


TAMPERED = ("failure_reason", "failure_detail", "payload", "hash", "prev_hash", "agent")


@pytest.fixture
def tampered(told: Workflow, db: Database) -> Iterator[Any]:
    """What nobody may do: change a row with the triggers off, as the owner can. Put right again afterwards."""
    columns = ", ".join(TAMPERED)
    where = "WHERE namespace = %s AND case_id = 'INV-[1]' AND state_version = %s"
    before: dict[int, Any] = {}

    def update(assignment: str, values: list[Any]) -> None:
        with db.transaction():
            db.execute("ALTER TABLE case_turns DISABLE TRIGGER append_only")
            db.execute(f"UPDATE case_turns SET {assignment} {where}", values)  # type: ignore[arg-type]
            db.execute("ALTER TABLE case_turns ENABLE ALWAYS TRIGGER append_only")

    def change(assignment: str, version: int) -> None:
        at = [told.topics.namespace, version]
        texts = ", ".join(f"{column}::text" for column in TAMPERED)
        before[version] = db.execute(f"SELECT {texts} FROM case_turns {where}", at).fetchone()  # type: ignore[arg-type]
        update(assignment, at)

    yield change
    for version, values in before.items():
        casts = {"failure_reason": "failure_reason_t", "payload": "jsonb"}
        marks = ", ".join(f"%s::{casts.get(column, 'text')}" for column in TAMPERED)
        update(f"({columns}) = ROW({marks})", [*values, told.topics.namespace, version])


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("failure_reason = 'ok'", "failure_reason"),
        ("failure_detail = 'nothing'", "failure_detail"),
        ("payload = payload || '{\"total\": 13}'", "another payload"),
        ("payload = NULL", "another payload"),
        ("hash = repeat('0', 64)", "another hash"),
        ("agent = 'post_entry'", "the audit says"),
    ],
)
def test_a_changed_row_is_found(told: Workflow, dsn: str, tampered: Any, assignment: str, said: str) -> None:
    tampered(assignment, 1)
    story = case_story(dsn, told.topics.namespace, "INV-[1]", bootstrap_servers=told.bootstrap)
    assert [one.proof for one in story.versions].count("forged") == 1
    assert said in next(one.proof_detail for one in story.versions if one.proof == "forged")
    assert not story.verified
    assert "FORGED" in _told(story)


def test_a_broken_link_is_found_without_kafka(told: Workflow, dsn: str, tampered: Any) -> None:
    tampered("prev_hash = repeat('f', 64)", 3)
    story = case_story(dsn, told.topics.namespace, "INV-[1]")
    assert [one.link for one in story.versions] == ["start", "holds", "holds", "broken", "holds"]
    assert "broken at version 3" in _told(story)


def test_a_forged_event_is_found(workflow: Workflow, dsn: str, db: Database) -> None:
    case = workflow.begin("INV-4")
    headers = workflow.turn(case, "extract")
    workflow.put(
        workflow.topics.agent("extract_fallback"), b"INV-4", b'{"total":"99"}', headers, partition=case.partition
    )
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    story = case_story(dsn, workflow.topics.namespace, "INV-4", bootstrap_servers=workflow.bootstrap)
    assert sorted(one.proof for one in story.versions) == ["forged", "verified", "verified"]


def test_events_that_retention_has_taken_are_named(workflow: Workflow, dsn: str) -> None:
    told = three_cases(workflow, dsn)
    told.delete_topics([told.topics.agent("post_entry")])
    story = case_story(dsn, told.topics.namespace, "INV-[1]", bootstrap_servers=told.bootstrap)
    assert [one.proof for one in story.versions].count("no longer in Kafka") == 1
    assert story.chain_holds
    assert not story.verified


def test_without_kafka_the_story_is_told_unverified(told: Workflow, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("misstep.store.read_back.TIMEOUT_S", 1.0)
    story = case_story(dsn, told.topics.namespace, "INV-2", bootstrap_servers=f"127.0.0.1:{free_port()}")
    assert "does not answer" in story.unread_because
    assert "not read back" in _told(story)


def test_a_case_that_is_not_there_is_a_no_with_near_matches(told: Workflow, dsn: str) -> None:
    with pytest.raises(AnswerIsNo, match=r"begin alike: .*INV-2, INV-3"):
        case_story(dsn, told.topics.namespace, "INV-20")
    with pytest.raises(AnswerIsNo, match="has it been published"):
        case_story(dsn, told.topics.namespace, "zzz")
    with pytest.raises(AnswerIsNo, match="has no epoch 7"):
        case_story(dsn, told.topics.namespace, "INV-2", 7)


def test_a_second_life_is_told_apart(workflow: Workflow, dsn: str, db: Database) -> None:
    case = workflow.begin("INV-5")
    workflow.turn(case, "extract", "schema_invalid", route="escalate")
    workflow.end(case, "escalated", reason="schema_invalid", agent="extract")
    case.epoch += 1
    workflow.turn(case, "extract")
    workflow.end(case)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    story = case_story(dsn, workflow.topics.namespace, "INV-5", bootstrap_servers=workflow.bootstrap)
    assert [(one.epoch, one.outcome) for one in story.endings] == [(0, "escalated"), (1, "completed")]
    assert story.verified
    assert [one.epoch for one in case_story(dsn, workflow.topics.namespace, "INV-5", 1).versions] == [1, 1]


def _told(story: Any) -> str:
    console = Console(width=200, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        tell(story, console)
    return captured.get()
