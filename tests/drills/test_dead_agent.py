import pytest

from tests.drills.conftest import Both, PlayBoth

TIMES = {"what queued is done sooner than it queued"}
"""What a noisy machine may spoil."""


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("dead-agent", "--cases 15 --scale 0.01", "--cases 10 --scale 0.005")


def test_what_waits_for_a_dead_agent_completes_once_after_its_return(plays: Both) -> None:
    assert plays.whole.failing <= TIMES, plays.whole.said["checks"]
    assert plays.whole.said["waiting"] >= 40


def test_an_agent_that_stays_dead_is_a_no(plays: Both) -> None:
    assert {"every case has exactly one outcome", "every case completes"} <= plays.sabotaged.failing
