"""A walk says which cells of the matrix it has come to, which it has missed, and why."""

from dataclasses import replace
from typing import Any, Literal

import orjson
import pytest

from misstep import Choreography, Contract, Escalated, Failure, Turn, agent, dead_letter, degrade, escalate, retry, to
from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from misstep.testing import walk
from misstep.testing.declared_ending import astray
from tests.joins.survey import Ask, survey
from tests.undo.trip import Wish, trip
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


def test_branches_of_a_fork_and_their_join_are_walked_to_the_ending_that_was_held() -> None:
    result = walk(survey, [Ask(number=1)])
    assert not result.missed, str(result)
    held = result.walked["ask_left", "compliance_fail"]
    assert (held.outcome, held.path[-1]) == ("compensated", "put_together")
    assert sorted(held.undone) == ["ask_left", "ask_right", "open_file"]
    assert result.walked["ask_left_again", "rubric_fail"].outcome == "escalated"
    assert result.walked["put_together", "invariant_broken"].undone == ["ask_right", "ask_left", "open_file"]


def test_an_undo_that_fails_is_walked_too() -> None:
    result = walk(trip, [Wish(number=1)])
    assert not result.missed, str(result)
    story = result.walked["hold_car", "undo_failed"]
    assert story.outcome == "partly_compensated"
    assert "hold_car" not in story.undone
    assert {"hold_room", "hold_seat"} <= set(story.undone)
    assert ["hold_car", "undo_failed", "left", "as", "it", "is", "after", "2", "attempts;", "partly_compensated"] in [
        line.split() for line in str(result).splitlines()
    ]


def test_an_undo_after_which_nothing_goes_wrong_is_beyond_walking() -> None:
    assert walk(scores.score, [Order(number=1)]).beyond["read", "undo_failed"] == "it has no undo"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("no undo of ask_left", "undone was ask_right, open_file, and done had been ask_left, open_file, ask_right"),
        ("another order", "open_file, ask_left, ask_right were not undone in reverse order"),
        ("another outcome", "it ended completed, and the score says compensated"),
        ("two outcomes", "the case has 2 outcomes instead of one"),
        ("not at the join", "put_together, where it is held, did not carry it out"),
    ],
)
def test_a_case_that_ends_otherwise_than_the_score_says_is_found(spoil: str, why: str) -> None:
    plan = compile_plan(survey)
    cell = ("put_together", "invariant_broken") if spoil == "another order" else ("ask_left", "compliance_fail")
    story = walk(plan, [Ask(number=1)]).walked[cell]
    ending = story.events[-1]
    assert ending.agent == "outcomes"
    match spoil:
        case "no undo of ask_left":
            story.events = [event for event in story.events if not (event.in_undo and event.agent == "ask_left")]
        case "another order":
            undos = [event for event in story.events if event.in_undo and event.agent != "undo"]
            story.events = [event for event in story.events if event not in undos] + undos[::-1]
        case "another outcome":
            said = orjson.dumps({**ending.payload, "outcome": "completed"})
            story.events = [*story.events[:-1], replace(ending, value=said)]
        case "two outcomes":
            story.events = [*story.events, ending]
        case "not at the join":
            story.events = [event for event in story.events if event.agent != "put_together"]
    assert astray(plan, plan.agents[cell[0]], cell[1], story, out_of_handoffs=False) == why
