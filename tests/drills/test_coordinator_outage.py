import pytest

from tests.drills.conftest import Both, PlayBoth

TIMES = {
    "cases that do not fail go on meanwhile",
    "what waited is unwound within 10 s of the return",
    "no lasting slowdown",
}
"""What a noisy machine may spoil."""


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("coordinator-outage", "--cases 60 --scale 0.01", "--cases 40 --scale 0.008")


def test_failing_cases_wait_for_a_coordinator_and_the_others_do_not(plays: Both) -> None:
    assert plays.whole.failing <= TIMES, plays.whole.said["checks"]
    assert plays.whole.said["waiting"] > 0


def test_a_coordinator_that_stays_away_is_a_no(plays: Both) -> None:
    assert {
        "every case has exactly one outcome",
        "cases that fail are compensated, the others complete",
        "what waited is unwound within 10 s of the return",
    } <= plays.sabotaged.failing
