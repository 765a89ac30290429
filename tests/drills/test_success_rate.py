import pytest

from tests.drills.conftest import Both, PlayBoth

TIMES = {"in at most 15% more mean time"}
"""What a noisy machine may spoil."""


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("success-rate", "--cases 30", "--cases 20")


def test_five_patterns_finish_what_a_chain_without_them_loses(plays: Both) -> None:
    assert plays.whole.failing <= TIMES, plays.whole.said["checks"]
    assert plays.whole.row("a bad day without patterns")["dead"] > 0
    assert plays.whole.row("the same day with all five")["dead"] == 0


def test_without_them_it_says_no(plays: Both) -> None:
    assert "with all five patterns at least 96% do" in plays.sabotaged.failing
