"""A walk says which cells of the matrix it has come to, which it has missed, and why."""

from typing import Any, Literal

import pytest

from misstep import Choreography, Contract, Escalated, Failure, Turn, agent, dead_letter, degrade, escalate, retry, to
from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from misstep.testing import walk
from tests.worker import score as scores
from tests.worker.score import Order


class Letter(Contract, name="walked.letter", version="1.0"):
    words: int


class Sorted(Contract, name="walked.sorted", version="1.0"):
    words: int


class Answered(Contract, name="walked.answered", version="1.0"):
    words: int


class Filed(Contract, name="walked.filed", version="1.0"):
    by: str


@agent(budget="1s")
def sort(turn: Turn[Letter]) -> Sorted | Failure[Literal["rubric_fail"]]:
    return Sorted(words=turn.payload.words) if turn.payload.words else turn.fail("rubric_fail", "an empty letter")


@agent(budget="1s")
def sort_by_hand(turn: Turn[Letter]) -> Sorted | Failure[Literal["rubric_fail"]]:
    return Sorted(words=1)


@agent(budget="1s")
def answer(turn: Turn[Sorted]) -> Answered | Failure[Literal["model_down"]]:
    return Answered(words=turn.payload.words)


@agent(budget="1s")
def file_away(turn: Turn[Escalated]) -> Filed:
    return Filed(by="a person")


def no_answer(turn: Turn[Sorted]) -> Answered:
    return Answered(words=-1 // turn.payload.words)


def letters(*, default: Any = no_answer) -> Choreography:
    score = Choreography("letters", starts=Letter, deadline="1h", handoffs=1)
    score.on(sort, rubric_fail=retry(2) | to(sort_by_hand), latency_blow=retry(3) | to(sort_by_hand) | dead_letter)
    score.on(sort_by_hand, standby=True, rubric_fail=retry(4) | escalate)
    score.on(answer, model_down=retry(2) | degrade(default))
    score.on(file_away, waive="it is only put down", latency_blow=dead_letter)
    return score


def test_each_cell_is_walked_to_the_end_of_its_retries() -> None:
    result = walk(letters(), [Letter(words=3)])
    assert not result.missed, str(result)
    went = {
        (name, reason): (event.route, event.attempts)
        for (name, reason), story in result.walked.items()
        for event in story.turns
        if event.agent == name and reason in (event.reason, event.degraded)
    }
    assert went["sort", "rubric_fail"] == ("to:sort_by_hand", 2)
    assert went["sort", "latency_blow"] == ("to:sort_by_hand", 3)
    assert went["sort", "handoff_exhausted"] == ("escalate", 2)
    assert went["sort_by_hand", "rubric_fail"] == ("escalate", 4)
    assert went["answer", "model_down"] == ("degrade", 2)
    assert went["file_away", "latency_blow"] == ("dead_letter", 1)


def test_every_cell_of_the_plan_is_accounted_for_once() -> None:
    result = walk(scores.score, [Order(number=1)])
    cells = [*result.walked, *result.missed, *result.beyond]
    assert len(cells) == len(set(cells))
    plan = compile_plan(scores.score)
    assert set(cells) == {(name, reason) for name, agent in plan.agents.items() for reason in agent.chains}
    assert not result.missed, str(result)


def test_a_case_that_does_not_come_to_an_agent_leaves_its_cells_missed_with_why() -> None:
    score = Choreography("letters", starts=Letter, deadline="1h")
    score.on(sort, rubric_fail=escalate, latency_blow=dead_letter)
    score.on(answer, model_down=degrade(no_answer))
    result = walk(score, [Letter(words=0)])
    assert result.missed["answer", "model_down"] == (
        "no example came to answer; the first one ended at sort (rubric_fail: an empty letter)"
    )
    assert ("sort", "latency_blow") in result.walked
    assert "MISSED: no example came to answer" in str(result)
    assert not walk(score, [Letter(words=0), Letter(words=2)]).missed


def test_a_neutral_default_that_cannot_be_made_is_found() -> None:
    def none(turn: Turn[Sorted]) -> Answered:
        raise ZeroDivisionError

    why = walk(letters(default=none), [Letter(words=3)]).missed["answer", "model_down"]
    assert why.startswith("it came to agent_fault instead: ZeroDivisionError")


def test_the_text_has_a_line_for_each_cell() -> None:
    result = walk(letters(), [Letter(words=3)])
    first, *lines = str(result).splitlines()
    assert first == f"letters: {len(lines)} of {len(lines)} cells walked"
    assert [line.split() for line in lines if "model_down" in line] == [
        ["answer", "model_down", "degrade", "after", "2", "attempts;", "completed"]
    ]


def test_without_examples_there_is_nothing_to_walk() -> None:
    with pytest.raises(UsageError, match="there are no examples"):
        walk(letters(), [])
