"""Forks, joins and undos in memory, through the same decisions as on the broker."""

from misstep.testing import rehearse
from tests.joins.survey import Ask, survey
from tests.undo.trip import Wish, trip


def test_a_rehearsed_fork_meets_in_one_turn() -> None:
    story = rehearse(survey, Ask(number=2))
    assert story.outcome == "completed"
    assert story.path.count("put_together") == 1
    assert sorted(story.path) == ["ask_left", "ask_middle", "ask_right", "close_file", "open_file", "put_together"]


def test_a_rehearsed_branch_that_fails_takes_every_branch_back() -> None:
    story = rehearse(survey, Ask(number=1), force={"ask_left": ["compliance_fail"]})
    assert story.outcome == "compensated"
    assert story.undone == ["ask_left", "ask_right", "open_file"]


def test_a_rehearsed_trip_is_taken_back_in_reverse_order() -> None:
    story = rehearse(trip, Wish(number=1), force={"pay": ["compliance_fail"]})
    assert story.outcome == "compensated"
    assert story.undone == ["pay", "hold_car", "hold_room", "hold_seat"]
    assert [event.version for event in story.events] == list(range(len(story.events)))


def test_a_rehearsed_undo_that_fails_is_a_dead_letter() -> None:
    story = rehearse(trip, Wish(number=1, script={"pay": ["refused"], "undo hold_room": ["raises"]}))
    assert story.outcome == "partly_compensated"
    assert story.undone == ["pay", "hold_car", "hold_seat"]
    assert [dict(letter.headers)["dlq_reason"] for letter in story.dead_letters] == [b"undo_failed"]


def test_a_rehearsed_branch_that_escalates_is_held() -> None:
    story = rehearse(survey, Ask(number=1), force={"ask_left": ["rubric_fail"], "ask_left_again": ["rubric_fail"]})
    assert story.outcome == "escalated"
    assert story.path[-1] == "put_together"
