"""The oracle finds what is planted: a promise that it could not see broken would be no promise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from misstep.testing.chaos import RULES, Event, Recording, Violation, Watch, judge
from misstep.testing.chaos.recording import Place
from tests.chaos.rehearsed import changed, rehearsed, row_of
from tests.undo.trip import JOURNAL


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Five whole cases of two workflows."""
    monkeypatch.setenv(JOURNAL, str(tmp_path / "journal"))
    return rehearsed(tmp_path / "journal")


def rules(recording: Recording) -> set[str]:
    return {violation.rule for violation in judge(recording)}


def event(recording: Recording, topic: str, case: str) -> Event:
    """The case's last event in a topic, by the last part of the topic's name."""
    return [one for one in recording.final if one.case_id == case and one.place.topic.endswith(f".{topic}")][-1]


def erase(recording: Recording, gone: Event) -> None:
    """Everybody forgets an event."""
    recording.final.remove(gone)
    recording.live.remove(gone)
    recording.rows = [row for row in recording.rows if row.place != gone.place]
    recording.letters = [place for place in recording.letters if place != gone.place]


def write(recording: Recording, new: Event) -> None:
    """An event that everybody saw, the audit too."""
    recording.final.append(new)
    recording.live.append(new)
    recording.rows.append(row_of(new))


def rewrite(recording: Recording, old: Event, new: Event) -> None:
    """An event that everybody saw otherwise."""
    erase(recording, old)
    write(recording, new)


def behind(one: Event, by: int = 10) -> Event:
    """The same event further on in its partition."""
    return replace(one, place=one.place._replace(offset=one.place.offset + by))


def test_nothing_is_found_where_nothing_is_wrong(recording: Recording) -> None:
    assert judge(recording) == []
    assert len(recording.final) > 40


def a_lost_case(recording: Recording) -> None:
    recording.acknowledged["case-9"] = "trip"


def a_lost_outcome(recording: Recording) -> None:
    erase(recording, event(recording, "outcomes", "case-1"))


def a_case_with_two_endings(recording: Recording) -> None:
    write(recording, behind(event(recording, "outcomes", "case-1")))


def an_outcome_of_nothing(recording: Recording) -> None:
    for one in [one for one in recording.final if one.case_id == "case-4" and not one.place.topic.endswith("outcomes")]:
        erase(recording, one)
    del recording.acknowledged["case-4"]


def a_turn_that_is_there_twice(recording: Recording) -> None:
    write(recording, behind(event(recording, "hold_car", "case-1")))


def a_version_that_was_skipped(recording: Recording) -> None:
    old = event(recording, "hold_car", "case-1")
    history = old.headers["ce_history"].replace(b'"hold_room",2', b'"hold_room",3')
    rewrite(recording, old, changed(old, ce_history=history))


def an_event_in_the_middle_that_is_gone(recording: Recording) -> None:
    erase(recording, event(recording, "hold_car", "case-1"))


def a_forged_value(recording: Recording) -> None:
    old = event(recording, "hold_car", "case-1")
    rewrite(recording, old, replace(old, value=(old.value or b"").replace(b"1", b"7")))


def a_forged_hash(recording: Recording) -> None:
    old = event(recording, "pay", "case-1")
    rewrite(recording, old, changed(old, ce_hash=b"0" * 64))


def a_chain_to_somebody_else(recording: Recording) -> None:
    old, other = event(recording, "pay", "case-1"), event(recording, "hold_car", "case-2")
    rewrite(recording, old, changed(old, ce_prevhash=other.headers["ce_hash"]))


def a_history_that_points_elsewhere(recording: Recording) -> None:
    old = event(recording, "outcomes", "case-1")
    rewrite(
        recording,
        old,
        changed(old, ce_history=old.headers["ce_history"].replace(b'"hold_seat",1,1,0', b'"hold_seat",1,2,0')),
    )


def undo_events_in_another_order(recording: Recording) -> None:
    undo = [one for one in recording.final if one.case_id == "case-2" and one.place.topic.endswith(".undo")][1:]
    first, second = undo[0], undo[1]
    swapped = {"ce_agent": second.headers["ce_agent"]}, {"ce_agent": first.headers["ce_agent"]}
    rewrite(recording, first, changed(first, **swapped[0]))
    rewrite(recording, second, changed(second, **swapped[1]))


def an_older_version_behind_a_newer_one(recording: Recording) -> None:
    first = next(one for one in recording.final if one.case_id == "case-2" and one.place.topic.endswith(".undo"))
    rewrite(recording, first, behind(first))


def a_turn_after_the_end(recording: Recording) -> None:
    ending = event(recording, "outcomes", "case-1")
    late = changed(behind(event(recording, "pay", "case-1")), ce_stateversion=ending.headers["ce_stateversion"])
    write(recording, late)


def a_turn_in_another_partition(recording: Recording) -> None:
    old = event(recording, "outcomes", "case-1")
    rewrite(recording, old, replace(old, place=old.place._replace(partition=99)))


def an_undo_that_was_done_twice(recording: Recording) -> None:
    undo = event(recording, "undo", "case-2")
    write(recording, changed(behind(undo), ce_stateversion=b"%d" % (undo.number("ce_stateversion") + 1)))


def an_effect_under_two_keys(recording: Recording) -> None:
    recording.effects.append(replace(next(one for one in recording.effects if one.case_id == "case-1"), key="other"))


def an_effect_that_never_was(recording: Recording) -> None:
    recording.effects = [one for one in recording.effects if (one.case_id, one.step) != ("case-1", "hold_car")]


def an_undo_without_effect(recording: Recording) -> None:
    recording.effects = [
        one for one in recording.effects if (one.case_id, one.step, one.what) != ("case-2", "hold_car", "undo")
    ]


def an_effect_that_nobody_took_back(recording: Recording) -> None:
    erase(recording, event(recording, "undo", "case-2"))
    recording.effects = [
        one for one in recording.effects if (one.case_id, one.step, one.what) != ("case-2", "hold_seat", "undo")
    ]


def an_effect_taken_back_in_a_completed_case(recording: Recording) -> None:
    done = next(one for one in recording.effects if one.case_id == "case-1")
    recording.effects.append(replace(done, what="undo"))


def a_row_that_is_missing(recording: Recording) -> None:
    recording.rows.pop(3)


def a_row_too_many(recording: Recording) -> None:
    row = recording.rows[3]
    recording.rows.append(replace(row, place=row.place._replace(offset=500)))


def a_row_that_is_there_twice(recording: Recording) -> None:
    recording.rows.append(recording.rows[3])


def a_row_that_says_something_else(recording: Recording) -> None:
    recording.rows[3] = replace(recording.rows[3], reason="rubric_fail")


def a_letter_that_nobody_stored(recording: Recording) -> None:
    recording.letters.pop()


def a_letter_that_nobody_wrote(recording: Recording) -> None:
    recording.letters.append(Place("rehearsal.trip.dlq", 0, 77))


def an_event_that_was_seen_and_is_gone(recording: Recording) -> None:
    recording.live.append(behind(event(recording, "hold_car", "case-1"), 500))


def an_event_that_was_another_when_it_was_seen(recording: Recording) -> None:
    one = event(recording, "hold_car", "case-1")
    recording.live[recording.live.index(one)] = replace(one, value=b"{}")


def an_event_that_appeared_behind_the_reader(recording: Recording) -> None:
    recording.live.remove(event(recording, "hold_car", "case-1"))


PLANTED: list[tuple[Callable[[Recording], None], str]] = [
    (a_lost_case, "lost"),
    (a_lost_outcome, "lost"),
    (a_case_with_two_endings, "two endings"),
    (a_case_with_two_endings, "twice"),
    (an_outcome_of_nothing, "made up"),
    (a_turn_that_is_there_twice, "twice"),
    (a_version_that_was_skipped, "version step"),
    (an_event_in_the_middle_that_is_gone, "broken chain"),
    (an_event_in_the_middle_that_is_gone, "history"),
    (a_forged_value, "forged"),
    (a_forged_hash, "forged"),
    (a_chain_to_somebody_else, "broken chain"),
    (a_chain_to_somebody_else, "forged"),
    (a_history_that_points_elsewhere, "history"),
    (undo_events_in_another_order, "undo order"),
    (an_older_version_behind_a_newer_one, "order"),
    (a_turn_after_the_end, "after the end"),
    (a_turn_in_another_partition, "strayed"),
    (an_undo_that_was_done_twice, "undone twice"),
    (an_effect_under_two_keys, "effect twice"),
    (an_effect_that_never_was, "effect missing"),
    (an_undo_without_effect, "effect missing"),
    (an_effect_that_nobody_took_back, "effect left"),
    (an_effect_taken_back_in_a_completed_case, "effect left"),
    (a_row_that_is_missing, "audit missing"),
    (a_row_too_many, "audit made up"),
    (a_row_that_is_there_twice, "audit made up"),
    (a_row_that_says_something_else, "audit differs"),
    (a_letter_that_nobody_stored, "letter missing"),
    (a_letter_that_nobody_wrote, "letter made up"),
    (an_event_that_was_seen_and_is_gone, "phantom"),
    (an_event_that_was_another_when_it_was_seen, "phantom"),
    (an_event_that_appeared_behind_the_reader, "behind the reader"),
]


@pytest.mark.parametrize(("plant", "rule"), PLANTED, ids=lambda one: getattr(one, "__name__", one))
def test_what_is_planted_is_found(recording: Recording, plant: Callable[[Recording], None], rule: str) -> None:
    plant(recording)
    assert rule in rules(recording)


def test_every_rule_has_been_seen_to_find_something() -> None:
    assert {rule for _, rule in PLANTED} == set(RULES)


def test_a_violation_names_the_events_that_show_it(recording: Recording) -> None:
    a_turn_that_is_there_twice(recording)
    (found,) = [one for one in judge(recording) if one.rule == "twice"]
    assert found.case_id == "case-1"
    assert [shown.split()[0] for shown in found.shown] == [
        "rehearsal.trip.hold_car[1]@0",
        "rehearsal.trip.hold_car[1]@10",
    ]


def test_poison_is_no_event_of_ours_and_what_came_of_it_is_judged_loosely(recording: Recording) -> None:
    poison = Event(Place("rehearsal.trip.hold_car", 1, 50), b"poison-1", b"\0\xff", {})
    recording.final.append(poison)
    recording.live.append(poison)
    assert rules(recording) == {"forged", "history", "audit missing"}
    recording.rows.append(replace(recording.rows[0], place=poison.place))
    recording.foreign.add(poison.place)
    assert rules(recording) == set()


def seen_while_it_ran(recording: Recording) -> list[Violation]:
    watch = Watch(recording.workflows)
    for one in recording.live:
        watch(one)
    return watch.violations


@pytest.mark.parametrize(
    ("plant", "rule"),
    [(a_case_with_two_endings, "two endings"), (a_turn_that_is_there_twice, "twice"), (a_forged_value, "forged")],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_what_is_promised_of_every_moment_is_found_at_once(
    recording: Recording, plant: Callable[[Recording], None], rule: str
) -> None:
    assert seen_while_it_ran(recording) == []
    plant(recording)
    assert [found.rule for found in seen_while_it_ran(recording)] == [rule]
