"""docs/scaling.md says what was measured and simulated, and the arithmetic between the two is sound."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import arithmetic
import pytest
import simulate
from arithmetic import needs
from fit import non_negative
from measured import keep, read
from model import Costs

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "scaling.md").read_text("utf-8")
COSTS = Costs(python_turn=100e-6, native_turn=10e-6, broker_turn=20e-6, sink_row=25e-6, postgres_row=25e-6)
MEASURED: dict[str, Any] = {
    "audit": {"bytes_a_row": 700, "index_bytes_a_row": 200},
    "storage": {"none": 1_000, "zstd": 200},
    "costs": {"trickle": {"idle_us_a_second": {"broker": 20_000}}},
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the benches found."""
    return read()


@pytest.fixture(scope="module")
def checked(found: dict[str, Any]) -> list[simulate.Checked]:
    """Each measured run beside the model's."""
    return simulate.check(found)


def test_the_tables_are_those_that_the_command_writes(found: dict[str, Any], checked: list[simulate.Checked]) -> None:
    said = DOCUMENT.partition(simulate.BEGIN)[2].partition(simulate.END)[0].strip()
    assert said == simulate.markdown(found, checked), "python bench/scale/simulate.py --write docs/scaling.md"


def test_the_model_comes_as_near_to_the_measured_runs_as_is_stated(checked: list[simulate.Checked]) -> None:
    assert simulate.sound(checked), simulate.plain(checked)


def test_every_command_that_the_document_names_is_there() -> None:
    root = Path(__file__).resolve().parents[2]
    named = set(re.findall(r"(bench/[a-z_/]+\.py)", DOCUMENT))
    assert named
    assert all((root / name).is_file() for name in named), named
    for script in re.findall(r"`([a-z]+\.py)", DOCUMENT):
        assert (root / "bench" / "scale" / script).is_file(), script


def test_twice_the_load_needs_twice_as_much() -> None:
    once, twice = (needs("", cases_s, COSTS, MEASURED) for cases_s in (20_000.0, 40_000.0))
    for part in ("workers", "sinks", "postgres_tb_a_day", "kafka_tb"):
        assert getattr(twice, part) == pytest.approx(2 * getattr(once, part), rel=0.05), part


def test_the_arithmetic_by_hand() -> None:
    found = needs("", 1_000.0, COSTS, MEASURED)
    assert found.turns_s == 10_000  # twice the average at the peak, five agents
    assert found.events_s == 14_000  # and with every case its publication and its outcome
    assert found.workers == 2  # 10,000 turns of 100 us are one interpreter, which is to work 60 % of its time
    assert found.partitions >= arithmetic.PARTITIONS_A_WORKER * found.workers
    assert found.postgres_tb_a_day == pytest.approx(1_000 * 7 * 86_400 * 900 / 1e12)


def test_costs_are_found_again_in_what_they_add_up_to() -> None:
    rows = [(1.0, 0.5, 2.0), (1.0, 0.001, 0.05), (1.0, 0.002, 0.4), (1.0, 0.1, 0.0)]
    costs = [90.0, 400.0, 30.0]
    wanted = [sum(value * cost for value, cost in zip(row, costs, strict=True)) for row in rows]
    assert non_negative(rows, wanted) == pytest.approx(costs)


def test_a_cost_is_never_less_than_nothing() -> None:
    assert min(non_negative([(1.0, 1.0), (1.0, 0.1), (1.0, 0.01)], [10.0, 20.0, 21.0])) == 0.0


def test_what_one_bench_finds_leaves_what_others_found(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    keep("sink", {"rows": 1}, file)
    keep("workers", {"runs": []}, file)
    keep("sink", {"rows": 2}, file)
    assert read(file)["sink"]["rows"] == 2
    assert read(file)["workers"]["runs"] == []
