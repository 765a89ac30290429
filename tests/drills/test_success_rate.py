from tests.drills.conftest import Play


def test_five_patterns_finish_what_a_chain_without_them_loses(play: Play) -> None:
    played = play("success-rate", "--cases", "40")
    assert played.failing <= {"in at most 15% more mean time"}, played.said["checks"]  # this machine is noisy
    assert played.row("a bad day without patterns")["dead"] > 0
    assert played.row("the same day with all five")["dead"] == 0


def test_without_them_it_says_no(play: Play) -> None:
    played = play("success-rate", "--cases", "24", "--sabotage")
    assert played.code == 1
    assert "with all five patterns at least 96% do" in played.failing
