import pytest

from tests.drills.conftest import Both, PlayBoth


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("stale-cache", "--cases 70", "--cases 50")


def test_a_cache_that_was_not_told_answers_by_old_ratings_and_state_versions_do_not(plays: Both) -> None:
    assert plays.whole.code == 0, plays.whole.said["checks"]
    cache, versions = plays.whole.row("a shared cache"), plays.whole.row("state versions")
    assert cache["messages lost"] == versions["messages lost"] > 0
    assert 0 < cache["wrong"] <= cache["messages lost"]
    assert versions["wrong"] == 0
    stale = plays.whole.said["tables"]["Ratings that were read stale"]
    assert all(row["written"] != row["read"] and row["later, ms"] >= 0 for row in stale)


def test_agents_that_read_the_cache_in_misstep_too_are_a_no(plays: Both) -> None:
    assert plays.sabotaged.failing == {"over state versions none is"}
    assert plays.sabotaged.row("state versions")["wrong"] == plays.sabotaged.row("a shared cache")["wrong"] > 0
