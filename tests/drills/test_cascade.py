import pytest

from misstep.cli.drill.cascade import SIDES, expected, finishes
from tests.drills.conftest import Both, PlayBoth


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("cascade", "--cases 100", "--cases 60")


def test_patterns_bring_five_agents_from_77_to_99_percent(plays: Both) -> None:
    assert plays.whole.code == 0, plays.whole.said["checks"]
    assert plays.whole.row("none")["cases"] < 90
    assert plays.whole.row("together")["cases"] >= 99
    assert plays.whole.row("degrade")["degraded"] > 0


def test_without_its_patterns_it_says_no(plays: Both) -> None:
    assert plays.sabotaged.code == 1
    assert "all patterns together finish at least 99%" in plays.sabotaged.failing


def test_the_schedule_comes_to_what_arithmetic_expects() -> None:
    many = 10_000
    for side in SIDES:
        share = sum(finishes(3, number, side) for number in range(many)) / many
        assert abs(share - expected(side)) < 0.015, side.name
