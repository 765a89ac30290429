from tests.drills.conftest import Play


def test_what_waits_for_a_dead_agent_completes_once_after_its_return(play: Play) -> None:
    played = play("dead-agent", "--cases", "15", "--scale", "0.01")
    assert played.failing <= {"what queued is done sooner than it queued"}, played.said["checks"]  # a noisy machine
    assert played.said["waiting"] >= 40


def test_an_agent_that_stays_dead_is_a_no(play: Play) -> None:
    played = play("dead-agent", "--cases", "10", "--scale", "0.005", "--sabotage")
    assert {"every case has exactly one outcome", "every case completes"} <= played.failing
