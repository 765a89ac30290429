"""The breaker's states, driven by a clock in the test's hand."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misstep.agents.breaker import PROBE_LOST_AFTER_S, Allowed, Change, Circuit, CircuitBreaker, Refused
from tests.resilience.hand_clock import HandClock


class Bench:
    """A breaker of three failures and 30 s, its clock, and what it said."""

    def __init__(self, failures: int = 3, open_s: float = 30.0) -> None:
        self.clock = HandClock()
        self.changes: list[Change] = []
        self.breaker = CircuitBreaker(failures, open_s, self.clock, self.changes.append)

    def begin(self) -> Allowed:
        allowed = self.breaker.admit()
        assert isinstance(allowed, Allowed)
        return allowed

    def fail(self, times: int = 1, hold_s: float = 0.0) -> None:
        for _ in range(times):
            self.breaker.failed(self.begin(), hold_s)

    def succeed(self) -> None:
        self.breaker.succeeded(self.begin())

    def refused(self) -> Refused:
        refused = self.breaker.admit()
        assert isinstance(refused, Refused)
        return refused

    @property
    def circuits(self) -> list[Circuit]:
        return [change.circuit for change in self.changes]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not(bench: Bench) -> None:
    bench.fail(2)
    bench.succeed()
    bench.fail(2)
    assert bench.changes == []
    bench.fail()
    assert bench.changes == [Change(Circuit.OPEN, 3, 30.0)]


def test_while_open_every_call_is_refused_and_told_how_long(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(12)
    assert bench.refused() == Refused(Circuit.OPEN, 3, 18.0)


def test_after_its_time_one_call_at_a_time_tries_it_out(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(30)
    bench.begin()
    assert bench.refused().circuit is Circuit.HALF_OPEN
    assert bench.refused().left_s <= 1.0
    assert bench.circuits == [Circuit.OPEN, Circuit.HALF_OPEN]


def test_a_probe_that_succeeds_closes_it(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(30)
    bench.succeed()
    assert bench.changes[-1] == Change(Circuit.CLOSED, 0, 0.0)
    bench.fail(2)
    assert bench.circuits[-1] is Circuit.CLOSED


def test_a_probe_that_fails_opens_it_for_as_long_again(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(30)
    bench.fail()
    assert bench.changes[-1] == Change(Circuit.OPEN, 4, 30.0)
    assert bench.refused().left_s == 30.0


def test_a_probe_that_said_nothing_leaves_its_seat_to_the_next(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(30)
    bench.breaker.abandoned(bench.begin())
    bench.succeed()
    assert bench.circuits[-1] is Circuit.CLOSED


def test_a_probe_that_never_comes_back_does_not_keep_others_from_trying_for_ever(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(30)
    lost = bench.begin()
    bench.clock.pass_s(PROBE_LOST_AFTER_S - 1)
    assert bench.refused().circuit is Circuit.HALF_OPEN
    bench.clock.pass_s(1)
    second = bench.begin()
    bench.breaker.abandoned(lost)
    assert bench.refused().circuit is Circuit.HALF_OPEN, "the second probe has the seat now"
    bench.breaker.succeeded(second)
    assert bench.circuits[-1] is Circuit.CLOSED


def test_a_call_from_before_it_opened_is_old_news(bench: Bench) -> None:
    slow_to_fail, slow_to_answer = bench.begin(), bench.begin()
    bench.fail(3)
    bench.clock.pass_s(29)
    bench.breaker.failed(slow_to_fail)
    bench.breaker.succeeded(slow_to_answer)
    assert bench.refused() == Refused(Circuit.OPEN, 3, 1.0)


def test_a_wait_that_the_dependency_asks_for_opens_it_at_once_and_for_that_long(bench: Bench) -> None:
    bench.fail(hold_s=7)
    assert bench.refused() == Refused(Circuit.OPEN, 1, 7.0)
    bench.clock.pass_s(7)
    bench.fail(hold_s=2)
    assert bench.refused().left_s == 2.0, "the probe was told another time, and that one holds"
    bench.clock.pass_s(2)
    bench.fail(hold_s=2)
    assert bench.refused().left_s == 30.0, "the third failure in a row"


def test_a_late_answer_that_asks_for_longer_makes_it_longer(bench: Bench) -> None:
    late = bench.begin()
    bench.fail(hold_s=5)
    bench.breaker.failed(late, hold_s=60)
    assert bench.refused().left_s == 60.0


def test_a_clock_that_jumps_back_neither_breaks_it_nor_keeps_it_open_for_ever(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(10)
    assert bench.refused().left_s == 20.0
    bench.clock.pass_s(-1_000_000)
    assert bench.refused().left_s == 20.0
    bench.clock.pass_s(20)
    bench.succeed()
    assert bench.circuits == [Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]


def test_a_clock_that_jumps_back_between_two_looks_costs_no_more_than_the_time_between_them(bench: Bench) -> None:
    bench.fail(3)
    bench.clock.pass_s(-5)
    bench.clock.pass_s(30)
    assert bench.refused().left_s == pytest.approx(5.0)


def test_of_many_threads_exactly_one_is_the_probe() -> None:
    for _ in range(20):
        bench = Bench()
        bench.fail(3)
        bench.clock.pass_s(30)
        together = threading.Barrier(8)
        allowed: list[object] = []

        def ask(bench: Bench = bench, together: threading.Barrier = together, into: list[object] = allowed) -> None:
            together.wait()
            into.append(bench.breaker.admit())

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(one, Allowed) for one in allowed) == 1


Steps = st.lists(
    st.one_of(
        st.sampled_from(["begin", "succeed", "fail", "abandon"]),
        st.floats(min_value=-50, max_value=80, allow_nan=False).map(lambda seconds: ("pass", seconds)),
        st.floats(min_value=0.1, max_value=90).map(lambda seconds: ("hold", seconds)),
    ),
    max_size=60,
)


@given(Steps)
def test_whatever_happens_one_probe_at_a_time_and_never_open_for_longer_than_was_said(steps: list[object]) -> None:
    bench = Bench(failures=2, open_s=20.0)
    under_way: list[Allowed] = []
    for step in steps:
        if isinstance(step, tuple) and step[0] == "pass":
            bench.clock.pass_s(step[1])
        elif step == "begin":
            entered = bench.breaker.admit()
            if isinstance(entered, Allowed):
                under_way.append(entered)
            else:
                assert 0 < entered.left_s <= 90
        elif under_way:
            call = under_way.pop(0)
            if step == "succeed":
                bench.breaker.succeeded(call)
            elif step == "abandon":
                bench.breaker.abandoned(call)
            else:
                bench.breaker.failed(call, step[1] if isinstance(step, tuple) else 0.0)
    for before, after in zip(bench.circuits, bench.circuits[1:], strict=False):
        assert before is not after
    bench.clock.pass_s(91 + PROBE_LOST_AFTER_S)
    bench.breaker.succeeded(bench.begin())
    assert bench.breaker.refusal() is None
