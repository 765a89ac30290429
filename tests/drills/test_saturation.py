from tests.drills.conftest import Play

TIMES = {"the rate of finished cases does not fall below that of normal load", "latency returns"}
"""What a noisy machine may spoil."""


def test_a_burst_queues_and_is_worked_off(play: Play) -> None:
    played = play("saturation", "--cases", "20", "--scale", "0.05")
    assert played.failing <= TIMES, played.said["checks"]


def test_a_worker_that_remembers_everything_is_a_no(play: Play) -> None:
    played = play("saturation", "--cases", "10", "--scale", "0.05", "--sabotage")
    assert any("memory stays bounded" in one for one in played.failing)
