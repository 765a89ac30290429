"""Every fine that ships with the project, through the whole score, beside what its own events say."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from rooms.saga.outreach import outreach

from misstep.contracts.event import OUTCOMES
from misstep.saga.compile import compile_plan
from misstep.testing.rehearse import Story, rehearse
from tests.outreach.register import forbidden, owed


@pytest.fixture(scope="module")
def stories(fines: list[dict[str, Any]]) -> dict[str, Story]:
    plan = compile_plan(outreach)
    return {fine["fine_id"]: rehearse(plan, fine, case_id=fine["fine_id"]) for fine in fines}


def test_every_fine_has_exactly_one_outcome(stories: dict[str, Story]) -> None:
    for story in stories.values():
        assert sum(event.agent == OUTCOMES for event in story.events) == 1
    assert Counter(story.outcome for story in stories.values()) == {"completed": 16, "escalated": 54}


def test_a_letter_is_written_exactly_where_the_events_allow_it(
    stories: dict[str, Story], by_id: dict[str, dict[str, Any]]
) -> None:
    for fine_id, story in stories.items():
        why = forbidden(by_id[fine_id])
        assert story.outcome == ("escalated" if why else "completed"), fine_id
        if why:
            assert story.turns[1].evidence["rule"] == why, fine_id


def test_every_letter_asks_for_what_is_owed(stories: dict[str, Story], by_id: dict[str, dict[str, Any]]) -> None:
    for fine_id, story in stories.items():
        if story.outcome == "completed":
            last = story.turns[-1].payload
            assert Decimal(last["owed"]) == owed(by_id[fine_id])
            assert f"EUR {owed(by_id[fine_id]):.2f} is still open" in last["letter"]["body"]
            assert last["score"] >= 0.82


def test_whoever_is_handed_a_case_is_told_what_to_decide_and_why(stories: dict[str, Story]) -> None:
    for fine_id, story in stories.items():
        if story.outcome == "escalated":
            handed = story.turns[-1].payload
            assert (handed["fine_id"], handed["reason"]) == (fine_id, "compliance_fail")
            assert handed["question"].endswith("?")
            assert len(handed["summary"]) >= 3
