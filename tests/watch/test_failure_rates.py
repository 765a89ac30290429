"""When a failure rate is said: against a count of everything within the window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from misstep.cli.watching.failure_rates import SLOTS, FailureRates

WINDOW_S = 60.0
SLOT_S = WINDOW_S / SLOTS
NOW_S = 1_200.0


def rates(over: float = 0.05, at_least: int = 20) -> FailureRates:
    return FailureRates(WINDOW_S, over, at_least)


def counted(turns: int, failures: int, at_s: float = NOW_S - 10) -> FailureRates:
    """Failures first, then what went well: the order must not matter."""
    counting = rates()
    for number in range(turns):
        counting.add("w", "a", "rubric_fail" if number < failures else "ok", at_s)
    return counting


def test_five_in_a_hundred_are_borne_and_six_are_said() -> None:
    assert counted(100, 5).over(NOW_S) == []
    (said,) = counted(100, 6).over(NOW_S)
    assert (said.workflow, said.agent, said.reason) == ("w", "a", "rubric_fail")
    assert (said.turns, said.failures, said.rate) == (100, 6, 0.06)


def test_a_few_turns_are_no_rate() -> None:
    assert counted(19, 19).over(NOW_S) == []
    assert len(counted(20, 20).over(NOW_S)) == 1


def test_it_is_said_once_and_again_after_a_window_while_it_stays() -> None:
    counting, said = rates(), []
    for second in range(200):
        counting.add("w", "a", "rubric_fail", NOW_S + second)
        said += [round(one.at_s - NOW_S) for one in counting.over(NOW_S + second)]
    assert said == [21, 81, 141]


def test_what_left_the_window_counts_no_more_and_is_forgotten() -> None:
    counting = counted(40, 40)
    assert counting.over(NOW_S + 2 * WINDOW_S) == []
    assert not counting._slots


def test_agents_workflows_and_reasons_are_told_apart() -> None:
    counting = rates(over=0.5)
    for _ in range(30):
        counting.add("w", "fair", "ok", NOW_S - 10)
        counting.add("v", "a", "rubric_fail", NOW_S - 10)
        counting.add("w", "a", "rubric_fail", NOW_S - 10)
        counting.add("w", "a", "model_down", NOW_S - 10)
    (said,) = counting.over(NOW_S)  # of w's a half fail with each, and half is borne
    assert (said.workflow, said.turns) == ("v", 30)


@given(
    st.lists(st.tuples(st.floats(0, 200), st.sampled_from(["ok", "ok", "ok", "rubric_fail"])), max_size=120),
    st.floats(0, 300),
)
def test_a_rate_is_that_of_the_turns_within_the_window(events: list[tuple[float, str]], until_s: float) -> None:
    counting = FailureRates(WINDOW_S, 0.0, 1)
    for at_s, reason in events:
        counting.add("w", "a", reason, at_s)
    end = until_s // SLOT_S
    within = [reason for at_s, reason in events if end - SLOTS <= at_s // SLOT_S < end]
    said = [(one.turns, one.failures) for one in counting.over(until_s)]
    assert said == ([(len(within), within.count("rubric_fail"))] if "rubric_fail" in within else [])
