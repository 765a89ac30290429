import pytest

from tests.drills.conftest import Both, PlayBoth

TIMES = {"without patterns about 78% finish", "in at most 15% more mean time"}
"""What a noisy machine may spoil: on a busy one agents run out of time by themselves."""


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("success-rate", "--cases 60", "--cases 30")


def test_five_patterns_finish_what_a_chain_without_them_loses(plays: Both) -> None:
    assert plays.whole.failing <= TIMES, plays.whole.said["checks"]
    assert plays.whole.row("without patterns")["dead letters"] > 0
    assert plays.whole.row("with all five")["dead letters"] == 0


def test_without_them_it_says_no(plays: Both) -> None:
    assert "with all five patterns at least 96% do" in plays.sabotaged.failing
