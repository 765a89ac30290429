"""Every receipt that ships with the project, through the whole score."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.receipts.amounts import money
from rooms.saga.invoice import invoice

from misstep.contracts.event import OUTCOMES
from misstep.saga.compile import compile_plan
from misstep.testing.rehearse import Story, rehearse
from tests.invoice.office import Office


@pytest.fixture(scope="module")
def stories(examples: list[dict[str, Any]]) -> dict[str, Story]:
    plan, office = compile_plan(invoice), Office()
    return {
        example["receipt_id"]: rehearse(plan, example, case_id=example["receipt_id"], dependencies=office.dependencies)
        for example in examples
    }


def posted_totals(stories: dict[str, Story]) -> dict[str, Decimal]:
    return {
        name: Decimal(event.payload["total"])
        for name, story in stories.items()
        for event in story.turns
        if event.agent == "post_entry" and event.reason == "ok"
    }


def test_every_receipt_has_exactly_one_outcome(stories: dict[str, Story]) -> None:
    for story in stories.values():
        assert sum(event.agent == OUTCOMES for event in story.events) == 1
    assert set(Counter(story.outcome for story in stories.values())) == {"completed", "escalated"}


def test_most_are_posted_and_nearly_all_that_are_posted_are_right(
    stories: dict[str, Story], by_id: dict[str, dict[str, Any]]
) -> None:
    totals = posted_totals(stories)
    right = sum(total == money(by_id[name]["truth"]["total"]) for name, total in totals.items())
    assert len(totals) / len(stories) >= 0.85
    assert right / len(totals) >= 0.96


def test_what_was_posted_completed_and_nothing_else_did(stories: dict[str, Story]) -> None:
    completed = {name for name, story in stories.items() if story.outcome == "completed"}
    assert completed == set(posted_totals(stories))


def test_whatever_is_escalated_says_why_and_with_what_evidence(stories: dict[str, Story]) -> None:
    for story in stories.values():
        if story.outcome == "escalated":
            last = story.turns[-1]
            assert last.reason in ("rubric_fail", "invariant_broken")
            assert last.detail
            assert last.evidence
            assert "suggestions" in last.payload
