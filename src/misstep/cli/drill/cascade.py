"""`misstep drill cascade`"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from misstep.agents.agent import Agent
from misstep.agents.route import Route, dead_letter, degrade, retry, to
from misstep.agents.turn import Turn
from misstep.agents.wiring import Wiring
from misstep.cli.drill.chart import Bars
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.five_agents import CONTRACTS, FIVE, Asked
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import Stage
from misstep.cli.outcome_summary import COMPLETED
from misstep.saga.choreography import Choreography
from misstep.saga.rooms import Project
from misstep.testing.faults import drawn

FAILS = 0.05
"""Of each agent's first attempts."""
STUBBORN = 0.4
"""Of those: the same agent fails at every attempt of this case."""
ATTEMPTS = 3
DISPENSABLE: Final = ("enrich", "rate", "decide")
"""What a case can do without; nobody can leave out taking it in or recording it."""
PER_SECOND = 150.0
BUDGET = "10s"
"""Far more than a turn takes: this drill is about failures, not about time."""
AT_LEAST = 0.99
SIGMAS = 3.3


@dataclass(frozen=True, slots=True)
class Side:
    """The same five agents under one score."""

    name: str
    retry: bool = False
    fallback: bool = False
    degrade: bool = False

    @property
    def workflow(self) -> str:
        return f"cascade_{self.name}"

    @property
    def together(self) -> bool:
        return self.retry and self.fallback and self.degrade


SIDES: Final = (
    Side("none"),
    Side("retry", retry=True),
    Side("fallback", fallback=True),
    Side("degrade", degrade=True),
    Side("together", retry=True, fallback=True, degrade=True),
)


def fails(seed: int, number: int, agent: str, attempt: int) -> bool:
    """Whether an attempt of an agent fails: the fault schedule."""
    if attempt == 1:
        return drawn(seed, number, agent, 1) < FAILS
    stubborn = fails(seed, number, agent, 1) and drawn(seed, number, agent, "stubborn") < STUBBORN
    return stubborn or drawn(seed, number, agent, attempt) < FAILS


def finishes(seed: int, number: int, side: Side) -> bool:
    """Whether the schedule lets a case through: what the mechanics must come to, case by case."""
    tries = range(1, (ATTEMPTS if side.retry else 1) + 1)
    return all(
        (side.degrade and step.name in DISPENSABLE)
        or not all(fails(seed, number, step.name, attempt) for attempt in tries)
        or (side.fallback and not all(fails(seed, number, step.fallback, attempt) for attempt in tries))
        for step in FIVE
    )


def expected(side: Side) -> float:
    """The share that finishes, by arithmetic."""
    used_up = FAILS * (STUBBORN + (1 - STUBBORN) * FAILS ** (ATTEMPTS - 1)) if side.retry else FAILS
    lost = used_up * used_up if side.fallback else used_up
    steps = len(FIVE) - (len(DISPENSABLE) if side.degrade else 0)
    return float((1 - lost) ** steps)


def sides(setup: Setup) -> tuple[Side, ...]:
    """Whom the drill plays; sabotaged, only the side that it spoils, and the one to compare it with."""
    return (SIDES[0], SIDES[-1]) if setup.sabotage else SIDES


def rooms(env: DrillEnvironment) -> Project:
    """Five scores over the same agents and the same faults."""
    setup = env.setup
    scores = {
        side.workflow: _score(side.workflow, Side("none") if setup.sabotage and side.together else side, setup.seed)
        for side in sides(setup)
    }
    return Project(Path(__file__).parent, scores, CONTRACTS, Wiring())


def _score(workflow: str, side: Side, seed: int) -> Choreography:
    def before(turn: Turn[Any]) -> None:
        if fails(seed, turn.payload.number, turn.agent, turn.attempt):
            raise ConnectionError("a fault on purpose")

    score = Choreography(workflow, starts=Asked, deadline="10m", handoffs=len(FIVE))
    waive = "a drill"
    for step in FIVE:
        end: Route[Any, Any] = dead_letter
        if side.degrade and step.name in DISPENSABLE:
            end = degrade(step.neutral)
        tried = retry(ATTEMPTS, first="50ms", cap="200ms")
        fallback: Agent[Any, Any] | None = None
        route = end
        if side.fallback:
            fallback = step.agent(before, budget=BUDGET, fallback=True)
            route = to(fallback) | end
            score.on(fallback, standby=True, waive=waive, model_down=tried | end if side.retry else end)
        score.on(step.agent(before, budget=BUDGET), waive=waive, model_down=tried | route if side.retry else route)
    return score


def play(stage: Stage) -> Report:
    """Each side in turn, over the same cases."""
    setup = stage.setup
    faults = [
        f"each of the five agents fails {FAILS:.0%} of its first attempts (seed {setup.seed}), and of those "
        f"{STUBBORN:.0%} stubbornly: whenever it tries this case again; fallbacks fail alike, by draws of their own",
        f"retry = {ATTEMPTS} attempts; fallback = another agent; degrade = {', '.join(DISPENSABLE)} left out",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    cases = [(f"case-{number:05}", Asked(number=number)) for number in range(setup.cases)]
    for side in sides(setup):
        stage.say(f"{side.name}: {setup.cases} cases through five agents")
        pace = stage.pace(side.workflow)
        with stage.running(side.workflow):
            pace.publish(((name, case.model_dump_json().encode()) for name, case in cases), PER_SECOND)
            stage.await_all(side.workflow)
    return _report(stage, setup, faults)


def _report(stage: Stage, setup: Setup, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    degraded: dict[str, int] = dict(map(tuple, stage.rows(DEGRADED_SQL)))
    rows, measured, wrong = [], {}, 0
    for side in sides(setup):
        done = {one.case_id for one in stage.ended(side.workflow) if one.outcome == COMPLETED}
        due = {f"case-{number:05}" for number in range(setup.cases) if finishes(setup.seed, number, side)}
        wrong += len(done ^ due)
        measured[side.name] = len(done) / setup.cases
        spans = [1000 * one for one in stage.latencies(side.workflow).values()]
        rows.append(
            (
                side.name,
                f"{expected(side):.1%}",
                f"{len(due) / setup.cases:.1%}",
                f"{measured[side.name]:.1%}",
                len(done),
                degraded.get(side.workflow, 0),
                setup.cases - len(done),
                sum(spans) / max(1, len(spans)),
            )
        )
    naive, spread = expected(SIDES[0]), math.sqrt(expected(SIDES[0]) * (1 - expected(SIDES[0])) / setup.cases)
    columns = (
        "patterns",
        "by arithmetic",
        "by this schedule",
        "finished",
        "cases",
        "degraded",
        "dead",
        "mean ms",
    )
    checks = [
        *accounted,
        Check(
            "each case ends as the schedule of faults lets it, under every score",
            wrong == 0,
            f"{wrong} of {setup.cases * len(sides(setup))} cases ended otherwise",
        ),
        Check(
            f"without patterns five agents of 95 % finish about {naive:.0%}",
            abs(measured["none"] - naive) <= SIGMAS * spread,
            f"{measured['none']:.1%} (chance alone makes {SIGMAS * spread:.1%} either way of {setup.cases} cases)",
        ),
        Check(
            f"all patterns together finish at least {AT_LEAST:.0%}",
            measured["together"] >= AT_LEAST,
            f"{measured['together']:.1%}",
        ),
    ]
    groups = [(side.name, (100 * expected(side), 100 * measured[side.name])) for side in sides(setup)]
    chart = Bars("Five agents of 95 % each: cases that finish", "%", ("by arithmetic", "measured"), groups)
    return Report(faults, [Figures("What each pattern makes of it", columns, rows)], checks, chart)


DEGRADED_SQL = """
SELECT workflow, count(DISTINCT case_id) FROM case_turns
WHERE namespace = %(namespace)s AND degraded IS NOT NULL AND kind = 'turn' GROUP BY workflow
"""

DRILL = Drill(
    name="cascade",
    summary="Five agents of 95 % finish 77 % of their cases; patterns bring that to 99 %.",
    teaches="The same five agents under five scores: without patterns, with retry, with a fallback, with degrading, "
    "and with all of them. Each meets the same faults, and each finished share stands beside what arithmetic expects.",
    cases=600,
    cases_are="Cases for each of the five scores.",
    fewest=20,
    sabotage="the score with all patterns gets none",
    rooms=rooms,
    play=play,
)
