import pytest

from tests.drills.conftest import Both, PlayBoth


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("corrupt-data", "--cases 36", "--cases 26")


def test_corrupt_cases_become_dead_letters_and_the_others_go_on(plays: Both) -> None:
    assert plays.whole.code == 0, plays.whole.said["checks"]
    assert plays.whole.row("bytes overwritten")["failure reason"] == "schema_invalid"
    assert plays.whole.row("an epoch that is no number")["kept byte for byte"] == 1


def test_what_no_contract_can_see_is_a_no(plays: Both) -> None:
    assert plays.sabotaged.code == 1
    assert any("each corrupt case is a dead letter" in one for one in plays.sabotaged.failing)
