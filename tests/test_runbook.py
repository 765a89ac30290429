"""The runbook is held to the tables that it explains, reasons and alerts; and its queries find what they ask for."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from misstep.contracts.failure import REASONS
from misstep.store.migrate import migrate
from tests.conftest import Servers
from tests.deploy.rules import rules

TEXT = (Path(__file__).resolve().parents[1] / "RUNBOOK.md").read_text("utf-8")
PARTS = ("Means", "First query", "First command", "Paged", "Stop the bleeding", "Put it right")


def sections(heading: str) -> dict[str, str]:
    """The sections under a first heading: name -> text."""
    below = re.search(rf"^# {heading}\n(.*?)(?=^# |\Z)", TEXT, re.M | re.S)
    assert below, heading
    _, *found = re.split(r"^## (.+)\n", below[1], flags=re.M)
    return dict(zip(found[::2], found[1::2], strict=True))


BY_REASON = sections("Reasons")
ALERTS = sections("Alerts")
QUERIES = [
    (name, sql) for name, text in (BY_REASON | ALERTS).items() for sql in re.findall(r"```sql\n(.*?)```", text, re.S)
]


def part(text: str, name: str) -> str:
    found = re.search(rf"^\*\*{name}:\*\* (.+)$", text, re.M)
    assert found, f"no part {name}"
    return found[1]


def test_every_reason_has_a_section_in_the_order_of_the_table() -> None:
    assert list(BY_REASON) == [name for name in REASONS if name != "ok"]


@pytest.mark.parametrize("name", BY_REASON)
def test_a_section_is_built_like_the_others_and_says_what_the_table_says(name: str) -> None:
    text = BY_REASON[name]
    assert re.findall(r"^\*\*([A-Z][^:*]+):\*\*", text, re.M) == list(PARTS)
    assert part(text, "Means") == REASONS[name].meaning
    assert re.match(r"\w+", part(text, "Paged"))[0] == (REASONS[name].pages or "nobody")  # type: ignore[index]
    assert f"'{name}'" in text.split("```sql")[1].split("```")[0], "the query asks for this reason"
    assert "`misstep " in part(text, "First command")


def test_every_alert_has_a_section_in_the_order_of_the_rules() -> None:
    assert list(ALERTS) == [rule["alert"] for rule in rules() if "alert" in rule]


def test_links_lead_somewhere() -> None:
    anchors = {heading.lower() for heading in re.findall(r"^#+ (.+)$", TEXT, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
    for path in re.findall(r"`(deploy/[^`]+)`", TEXT):
        assert (Path(__file__).resolve().parents[1] / path).is_file(), path


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """The audit with one failed turn of each reason in it, and one undo; undone again afterwards."""
    migrate(servers.postgres)
    namespace = f"t{secrets.token_hex(4)}"
    with psycopg.connect(servers.postgres) as connection:
        for number, name in enumerate(BY_REASON):
            row = {
                "namespace": namespace,
                "workflow": "w",
                "case_id": f"case-{name}",
                "epoch": 0,
                "state_version": 1,
                "agent": "a",
                "kind": "undo" if name == "undo_failed" else "turn",
                "contract": "c@1.0",
                "failure_reason": name,
                "failure_detail": "a test",
                "attempts": 1,
                "latency_ms": 5,
                "evidence": Jsonb({"stage": "input", "exception": "KeyError", "first_reason": "rubric_fail"}),
                "build": "b",
                "hash": "h",
                "kafka_topic": f"{namespace}.w.a",
                "kafka_partition": 0,
                "kafka_offset": number,
            }
            columns, marks = ", ".join(row), ", ".join(f"%({column})s" for column in row)
            connection.execute(f"INSERT INTO case_turns ({columns}, occurred_at) VALUES ({marks}, now())", row)  # type: ignore[arg-type]
        yield connection
        connection.rollback()


@pytest.mark.parametrize(("name", "sql"), QUERIES, ids=[name for name, _ in QUERIES])
def test_a_query_runs_and_finds_what_it_asks_for(database: psycopg.Connection[Any], name: str, sql: str) -> None:
    found = database.execute(sql).fetchall()  # type: ignore[arg-type]
    if name in BY_REASON:
        assert found, "a failure of this reason stands in the audit"
