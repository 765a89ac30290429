import pytest

from tests.drills.conftest import Both, PlayBoth

TIMES = {"the rate of finished cases does not fall below that of normal load", "latency returns"}
"""What a noisy machine may spoil."""


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("saturation", "--cases 20 --scale 0.04", "--cases 10 --scale 0.03")


def test_a_burst_queues_and_is_worked_off(plays: Both) -> None:
    assert plays.whole.failing <= TIMES, plays.whole.said["checks"]


def test_a_worker_that_remembers_everything_is_a_no(plays: Both) -> None:
    assert any("memory stays bounded" in one for one in plays.sabotaged.failing)
