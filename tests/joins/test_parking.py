"""Halves of one case that wait for each other before they are parked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from misstep.agents.inbound import Delivered
from misstep.agents.worker.committer import Finished
from misstep.agents.worker.joining import ParkingRunner
from misstep.agents.worker.work import Cases, Work
from misstep.bus.progress import Progress
from misstep.bus.topics import Topics
from misstep.bus.window import Window
from misstep.saga.compile import compile_plan
from tests.joins.survey import survey


def test_a_half_behind_one_that_had_to_wait_is_parked_too() -> None:
    """After a death, halves begin with care: another half of the case then stands in line behind the first."""
    plan = compile_plan(survey)
    (join,) = (agent for agent in plan.agents.values() if agent.joins)
    window = Window("ns.survey.ask_left", 0, Progress(0))
    first, second = (
        Work(window, at, Delivered(window.topic, 0, at, 0, b"case-1", b"{}", []), {}, "case-1") for at in (0, 1)
    )
    in_line: list[Work | None] = [second, None]
    finished: list[Finished] = []
    runner = ParkingRunner(plan, join, Topics("ns", "survey"), finished.append)
    runner.bind(cast(Cases, SimpleNamespace(over=cast(Any, lambda work: in_line.pop(0)))))
    runner.start([first])
    assert [one.position for one in finished] == [0, 1]
