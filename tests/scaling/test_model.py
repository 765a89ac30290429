"""The model of docs/scaling.md obeys what every such model must, and what is known of this one."""

from __future__ import annotations

import pytest
from model import Costs, Layout, Model

COSTS = Costs(
    python_turn=80e-6,
    native_turn=15e-6,
    broker_turn=25e-6,
    python_transaction=400e-6,
    native_transaction=200e-6,
    broker_transaction=500e-6,
    broker_touched=20e-6,
    sink_row=25e-6,
    postgres_row=25e-6,
)
CARRYING = pytest.mark.parametrize("carry", [True, False], ids=["carrying on", "not carrying on"])


@CARRYING
def test_littles_law_holds(carry: bool) -> None:
    model = Model(Layout(carry=carry), COSTS)
    outcome = model.load(300, 20)
    mean_s = sum(model.took) / len(model.took) - COSTS.fetch  # a case has ended before its reader sees it
    assert outcome.under_way == pytest.approx(300 * mean_s, rel=0.05)


@CARRYING
def test_what_comes_goes_while_there_is_room(carry: bool) -> None:
    outcome = Model(Layout(carry=carry), COSTS).load(300, 20)
    assert outcome.cases_s == pytest.approx(300, rel=0.05)
    assert outcome.waiting < 100


def test_a_core_works_as_long_as_the_work_takes() -> None:
    layout = Layout(machines=(1, 8, 8, 8), worker_machines=(0,), broker_machines=(1,), sink_machines=(2,),
                    postgres_machines=(3,), sinks=1)  # fmt: skip
    model = Model(layout, Costs(python_turn=80e-6, native_turn=15e-6, broker_turn=25e-6, sink_row=30e-6))
    outcome = model.load(500, 20)
    assert outcome.busy[0] == pytest.approx(500 * 5 * 95e-6, rel=0.05)
    assert outcome.busy[1] == pytest.approx(500 * 5 * 25e-6 / 8, rel=0.05)
    assert outcome.busy[2] == pytest.approx(500 * 7 * 30e-6 / 8, rel=0.05)


def test_one_worker_does_what_its_interpreter_can() -> None:
    free = Costs(python_turn=100e-6, native_turn=0, broker_turn=0, round_trip=0, fetch=0)
    outcome = Model(Layout(machines=(8,)), free).flood(4_000)
    assert outcome.turns_s == pytest.approx(10_000, rel=0.02)


def test_more_than_the_capacity_queues_and_none_is_lost() -> None:
    model = Model(Layout(machines=(8,)), COSTS)
    most = Model(Layout(machines=(8,)), COSTS).flood(4_000).cases_s
    outcome = model.load(2 * most, 5)
    assert outcome.cases_s == pytest.approx(most, rel=0.1)
    assert outcome.waiting + len(model.took) == model._came


@CARRYING
def test_workers_with_machines_of_their_own_add_up(carry: bool) -> None:
    def rate(workers: int) -> float:
        layout = Layout(
            partitions=32,
            workers=workers,
            carry=carry,
            machines=(16, *(2,) * workers),
            worker_machines=tuple(range(1, workers + 1)),
        )
        return Model(layout, COSTS).flood(2_000 * workers).cases_s

    rates = [rate(workers) for workers in (1, 2, 4)]
    assert rates == sorted(rates)
    assert rates[2] > 2.5 * rates[0]


def test_workers_beyond_the_partitions_do_nothing() -> None:
    def rate(workers: int) -> float:
        return Model(Layout(partitions=2, workers=workers, machines=(16,)), COSTS).flood(4_000).cases_s

    assert rate(8) == pytest.approx(rate(2), rel=0.01)


def test_workers_on_full_cores_add_nothing() -> None:
    def rate(workers: int) -> float:
        layout = Layout(partitions=16, workers=workers, machines=(2,))
        return Model(layout, COSTS).flood(4_000).cases_s

    turn = COSTS.python_turn + COSTS.native_turn + COSTS.broker_turn
    assert rate(8) <= 2 / (5 * turn)
    assert rate(16) <= rate(8) * 1.03


@pytest.mark.parametrize("part", ["python_turn", "broker_turn", "broker_transaction"])
def test_what_costs_more_is_never_faster(part: str) -> None:
    def rate(times: float) -> float:
        dearer = Costs(**{**vars_of(COSTS), part: getattr(COSTS, part) * times})
        return Model(Layout(machines=(1,)), dearer).flood(3_000).cases_s

    rates = [rate(times) for times in (1, 4, 16)]
    assert rates == sorted(rates, reverse=True)


def test_carrying_on_makes_a_case_shorter() -> None:
    carried = Model(Layout(carry=True), COSTS).load(100, 10)
    handed = Model(Layout(carry=False), COSTS).load(100, 10)
    assert carried.p50_ms < handed.p50_ms / 2


def test_a_sink_that_is_too_slow_falls_behind_and_a_second_one_helps() -> None:
    slow = Costs(**{**vars_of(COSTS), "sink_row": 250e-6})

    def behind(sinks: int) -> int:
        layout = Layout(sinks=sinks, machines=(8, 8), sink_machines=(1,), postgres_machines=(1,))
        return Model(layout, slow).load(800, 10).sink_behind

    assert behind(1) > 10_000
    assert behind(2) < 2_000


def test_a_run_can_be_repeated() -> None:
    assert Model(Layout(), COSTS, seed=7).load(200, 5) == Model(Layout(), COSTS, seed=7).load(200, 5)


def vars_of(costs: Costs) -> dict[str, float]:
    return {name: getattr(costs, name) for name in costs.__dataclass_fields__}
