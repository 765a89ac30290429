import pytest

from tests.drills.conftest import Both, PlayBoth

TIMES = {
    "other cases are not held up: p50 at most twice that of before",
    "and their p99 stays below the slow agent's budget",
}
"""What a noisy machine may spoil."""


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("slow-agent", "--cases 60 --scale 0.2", "--cases 40 --scale 0.2")


def test_a_slow_agents_cases_go_to_its_fallback(plays: Both) -> None:
    assert plays.whole.failing <= TIMES, plays.whole.said["checks"]
    assert plays.whole.row("during, met by the slow agent")["p50 ms"] >= 1_000


def test_without_a_fallback_it_says_no(plays: Both) -> None:
    assert "every case completes" in plays.sabotaged.failing
