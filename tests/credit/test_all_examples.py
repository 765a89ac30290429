"""Every loan application that ships with the project, through the whole score."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.credit_in_memory import InMemoryFunds, InMemoryRegister
from rooms.saga.credit import credit

from misstep.contracts.event import OUTCOMES
from misstep.saga.compile import compile_plan
from misstep.testing import Story, rehearse


@pytest.fixture(scope="module")
def funds() -> InMemoryFunds:
    return InMemoryFunds()


@pytest.fixture(scope="module")
def stories(loans: list[dict[str, Any]], funds: InMemoryFunds) -> dict[str, Story]:
    plan, entries = compile_plan(credit), InMemoryRegister()
    return {
        loan["application_id"]: rehearse(plan, loan, case_id=loan["application_id"], dependencies=[funds, entries])
        for loan in loans
    }


def offered(stories: dict[str, Story]) -> dict[str, Story]:
    return {name: story for name, story in stories.items() if story.path[-1] == "register"}


def test_every_application_has_exactly_one_outcome_and_few_need_a_person(stories: dict[str, Story]) -> None:
    for story in stories.values():
        assert sum(event.agent == OUTCOMES for event in story.events) == 1
    outcomes = Counter(story.outcome for story in stories.values())
    assert set(outcomes) == {"completed", "escalated"}
    assert outcomes["escalated"] <= 0.08 * len(stories)


def test_the_decision_agrees_with_the_banks(stories: dict[str, Story], by_id: dict[str, dict[str, Any]]) -> None:
    granted, decided = offered(stories), {name: s for name, s in stories.items() if s.outcome == "completed"}
    approved = {name for name, loan in by_id.items() if loan["outcome"] == "approved"}
    assert len(approved & decided.keys() & granted.keys()) >= 0.9 * len(approved & decided.keys())
    turned_down = {name for name, loan in by_id.items() if loan["outcome"] == "declined"} & decided.keys()
    assert len(turned_down & granted.keys()) <= 0.15 * len(turned_down)


def test_the_branches_of_each_case_meet_once(stories: dict[str, Story]) -> None:
    for story in stories.values():
        assert story.path.count("decide") == (story.path != ["open_application"])


def test_the_money_put_aside_is_that_of_the_offers(stories: dict[str, Story], funds: InMemoryFunds) -> None:
    registered = [story.turns[-1].payload["amount"] for story in offered(stories).values()]
    assert funds.reserved == sum(map(Decimal, registered))
    assert funds.reserved > 0


def test_whatever_is_escalated_says_why(stories: dict[str, Story]) -> None:
    for story in stories.values():
        if story.outcome == "escalated":
            assert story.turns[-1].detail
            assert story.turns[-1].payload["detail"]
