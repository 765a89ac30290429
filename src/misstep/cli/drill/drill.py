"""What every drill declares of itself; each is one module of this package with a `DRILL` in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.report import Report
from misstep.cli.drill.stage import Stage
from misstep.saga.rooms import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One promise and the way to try it."""

    name: str
    summary: str
    """The promise in one line; first line of the command's help."""
    teaches: str
    """What is done, what is compared, and with what it is measured: the command's help."""
    cases: int
    cases_are: str
    """Help of `--cases`."""
    fewest: int = 1
    scale: float | None = None
    """Default of `--scale`; None: the drill is not about a span of time."""
    scale_is: str = ""
    sabotage: str
    """What `--sabotage` takes away, so that the promise cannot hold."""
    rooms: Callable[[DrillEnvironment], Project]
    """The project that the drill's processes run."""
    play: Callable[[Stage], Report]
