import pytest

from tests.drills.conftest import Both, PlayBoth

PROMISE = "one command names the agent and the build"


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("regression", "--cases 140", "--cases 70")


def test_the_drafter_that_got_worse_is_named_not_the_reviewer_who_suffers_from_it(plays: Both) -> None:
    assert plays.whole.code == 0, plays.whole.said["checks"]
    culprit = plays.whole.said["comparison"]["culprit"]
    assert (culprit["agent"], culprit["build"]) == ("drafter_primary", "drill-2")
    assert culprit["seen_by"]["agent"] == "reviewer"


def test_a_build_that_is_no_worse_has_no_culprit(plays: Both) -> None:
    assert plays.sabotaged.failing == {PROMISE}
    assert plays.sabotaged.said["comparison"]["culprit"] is None
