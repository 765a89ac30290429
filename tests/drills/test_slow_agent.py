from tests.drills.conftest import Play

TIMES = {
    "other cases are not held up: p50 at most twice that of before",
    "and their p99 stays below the slow agent's budget",
}
"""What a noisy machine may spoil."""


def test_a_slow_agents_cases_go_to_its_fallback(play: Play) -> None:
    played = play("slow-agent", "--cases", "60", "--scale", "0.2")
    assert played.failing <= TIMES, played.said["checks"]
    assert played.row("during, met by the slow agent")["p50 ms"] >= 1_000


def test_without_a_fallback_it_says_no(play: Play) -> None:
    played = play("slow-agent", "--cases", "40", "--scale", "0.2", "--sabotage")
    assert "every case completes" in played.failing
