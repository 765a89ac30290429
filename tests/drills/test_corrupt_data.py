from tests.drills.conftest import Play


def test_corrupt_cases_become_dead_letters_and_the_others_go_on(play: Play) -> None:
    played = play("corrupt-data", "--cases", "36")
    assert played.code == 0, played.said["checks"]
    assert played.row("bytes overwritten")["failure reason"] == "schema_invalid"
    assert played.row("an epoch that is no number")["kept byte for byte"] == 1


def test_what_no_contract_can_see_is_a_no(play: Play) -> None:
    played = play("corrupt-data", "--cases", "26", "--sabotage")
    assert played.code == 1
    assert any("each corrupt case is a dead letter" in one for one in played.failing)
