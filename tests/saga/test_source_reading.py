"""What an agent can fail with is read off its source, however it is written."""

from pathlib import Path

import pytest

from misstep.saga.source_reading import read_agent
from tests.saga import ways_to_fail as ways
from tests.saga.loans import Application, Scored


@pytest.mark.parametrize(
    ("one", "reasons"),
    [
        (ways.directly, {"rubric_fail"}),
        (ways.by_another_name, {"rubric_fail", "compliance_fail"}),
        (ways.by_the_method, {"rubric_fail"}),
        (ways.raised, {"rubric_fail"}),
        (ways.by_hand, {"rubric_fail", "compliance_fail"}),
        (ways.by_helpers, {"rubric_fail", "compliance_fail"}),
        (ways.by_a_default, {"rubric_fail"}),
        (ways.by_a_helper_elsewhere, {"rubric_fail", "invariant_broken"}),
        (ways.by_a_helper_without_the_turn, {"rubric_fail"}),
        (ways.by_a_function_inside, {"rubric_fail", "compliance_fail"}),
        (ways.in_a_thread, {"rubric_fail", "compliance_fail"}),
        (ways.in_steps, {"rubric_fail"}),
        (ways.by_constants, {"rubric_fail", "compliance_fail"}),
        (ways.by_an_enum, {"rubric_fail"}),
        (ways.by_choice, {"rubric_fail", "compliance_fail", "invariant_broken"}),
        (ways.by_type, {"rubric_fail", "invariant_broken", "compliance_fail"}),
        (ways.by_a_decorated_helper, {"rubric_fail"}),
        (ways.round_and_round, {"rubric_fail"}),
        (ways.of_others, {"rubric_fail"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_way_to_say_a_reason_is_read(one: object, reasons: set[str]) -> None:
    reading = read_agent(one)  # type: ignore[arg-type]
    assert {said.what for said in reading.reasons} == reasons
    assert reading.whole, (reading.unreadable, reading.unfollowed)


def test_a_reason_is_told_with_its_line() -> None:
    (said,) = read_agent(ways.directly).reasons
    file, line = said.where.rsplit(":", 1)
    assert 'turn.fail("rubric_fail"' in Path(file).read_text().splitlines()[int(line) - 1]


@pytest.mark.parametrize("one", [ways.unreadably, ways.unreadably_by_type], ids=lambda value: value.name)
def test_what_cannot_be_read_is_told(one: object) -> None:
    reading = read_agent(one)  # type: ignore[arg-type]
    assert reading.reasons == []
    assert len(reading.unreadable) == 1
    assert not reading.whole


def test_a_turn_that_is_given_away_is_told() -> None:
    reading = read_agent(ways.given_away)
    assert [said.what for said in reading.unfollowed] == ["registry.look_up"]


def test_the_dependencies_that_are_called() -> None:
    assert [said.what for said in read_agent(ways.calling).calls] == ["bureau", "post", ""]


def test_the_earlier_versions_that_are_asked_for() -> None:
    assert [contract for contract, _ in read_agent(ways.looking_back).earlier] == [Application, Scored]
