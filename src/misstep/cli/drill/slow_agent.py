"""`misstep drill slow-agent`"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from misstep.agents.route import dead_letter, to
from misstep.agents.turn import Turn
from misstep.agents.wiring import Wiring
from misstep.cli.drill.chart import Lines
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.five_agents import CONTRACTS, FIVE, Asked, nothing
from misstep.cli.drill.numbered import Numbered, case_name
from misstep.cli.drill.phases import Phases
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import Stage
from misstep.cli.outcome_summary import COMPLETED, percentile
from misstep.saga.choreography import Choreography
from misstep.saga.rooms import Project
from misstep.testing.faults import drawn
from misstep.testing.without_patterns import without_patterns

WORKFLOW = "slow"
SLOW: Final = "rate"
"""Who is slow."""
SHARE = 1 / 3
SECONDS = 30.0
"""How long it takes then; `--scale` makes it less."""
BUDGET_MS = 1_000
PER_SECOND = 20.0
PARTS: Final = {"before": 0.3, "one agent is slow": 0.5, "after": 0.2}
"""Shares of the cases."""
DURING: Final = "one agent is slow"
WORKING_MS = 50.0
"""What p50 may gain on a machine that does other things too."""


def slow(setup: Setup, number: int) -> bool:
    """Whether the slow agent is slow for a case: the fault schedule."""
    first = round(setup.cases * PARTS["before"])
    last = first + round(setup.cases * PARTS[DURING])
    return first <= number < last and drawn(setup.seed, number, SLOW) < SHARE


def rooms(env: DrillEnvironment) -> Project:
    """Five agents, one of them with a fallback."""
    setup = env.setup

    async def before(turn: Turn[Any]) -> None:
        if slow(setup, turn.payload.number):
            await asyncio.sleep(SECONDS * setup.scale)

    score = Choreography(WORKFLOW, starts=Asked, deadline="10m", handoffs=1)
    for step in FIVE:
        if step.name == SLOW:
            fallback = step.agent(nothing, budget="10s", fallback=True)
            late = step.agent(before, budget=f"{BUDGET_MS}ms")
            score.on(late, latency_blow=to(fallback), model_down=dead_letter)
            score.on(fallback, standby=True, waive="a drill", model_down=dead_letter)
        else:
            score.on(step.agent(nothing, budget="10s"), waive="a drill", model_down=dead_letter)
    scores = {WORKFLOW: without_patterns(score, WORKFLOW) if setup.sabotage else score}
    return Project(Path(__file__).parent, scores, CONTRACTS, Wiring())


def play(stage: Stage) -> Report:
    """A steady load, in the middle of which one agent becomes slow for some of the cases."""
    setup = stage.setup
    faults = [
        f"in the middle of the drill agent {SLOW} takes {SECONDS * setup.scale:g} s for one case in "
        f"{round(1 / SHARE)} (seed {setup.seed}); its budget is {BUDGET_MS} ms, the load {PER_SECOND:g} cases/s",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    load, phases = Numbered(stage.pace(WORKFLOW)), Phases(stage, WORKFLOW)
    with stage.running(WORKFLOW):
        for name, share in PARTS.items():
            stage.say(f"{name} ...")
            phases.start(name)
            load.publish(PER_SECOND, setup.cases * share / PER_SECOND)
        stage.await_all(WORKFLOW)
        phases.close()
    return _report(stage, phases, load.next, faults)


def _report(stage: Stage, phases: Phases, published: int, faults: list[str]) -> Report:
    setup = stage.setup
    accounted = stage.accounted_for()
    met = {case_name(number) for number in range(published) if slow(setup, number)}
    completed = stage.outcomes(WORKFLOW)[COMPLETED]
    handed = {case for (case,) in stage.rows(HANDED_SQL)}
    during = phases.spans(DURING)
    groups = {
        "before": list(phases.spans("before").values()),
        "during, others": [span for case, span in during.items() if case not in met],
        "during, met by the slow agent": [span for case, span in during.items() if case in met],
        "after": list(phases.spans("after").values()),
    }
    p50 = {name: 1000 * percentile(spans, 0.5) for name, spans in groups.items()}
    p99 = {name: 1000 * percentile(spans, 0.99) for name, spans in groups.items()}
    rows = [(name, len(spans), round(p50[name]), round(p99[name])) for name, spans in groups.items()]
    checks = [
        *accounted,
        Check("every case completes", completed == published, f"{completed} of {published}"),
        Check(
            "the time budget fires for each case that the slow agent meets, and the fallback takes it",
            met <= handed,
            f"{len(handed & met)} of {len(met)} handed over after {BUDGET_MS} ms, and {len(handed - met)} others",
        ),
        Check(
            "other cases are not held up: p50 at most twice that of before",
            p50["during, others"] <= 2 * p50["before"] + WORKING_MS,
            f"{p50['during, others']:.0f} ms, before {p50['before']:.0f} ms",
        ),
        Check(
            "and their p99 stays below the slow agent's budget",
            p99["during, others"] < BUDGET_MS,
            f"{p99['during, others']:.0f} ms, before {p99['before']:.0f} ms",
        ),
    ]
    dots = phases.dots()
    begin = phases["before"].begin
    at = stage.paces[WORKFLOW].at
    slow_places = {at[case] - begin for case in met if case in at}
    chart = Lines(
        "Time from publication to outcome, a dot a case",
        "seconds",
        "ms",
        {
            "others": [dot for dot in dots if dot[0] not in slow_places],
            "met by the slow agent": [dot for dot in dots if dot[0] in slow_places],
        },
        phases.marked(DURING),
        dots=True,
    )
    columns = ("cases", "how many", "p50 ms", "p99 ms")
    return Report(faults, [Figures("From publication to outcome", columns, rows)], checks, chart)


HANDED_SQL = """
SELECT DISTINCT case_id FROM case_turns
WHERE namespace = %(namespace)s AND failure_reason = 'latency_blow' AND route LIKE 'to:%%'
"""

DRILL = Drill(
    name="slow-agent",
    summary="An agent takes 30 s: its time budget fires, the fallback takes over, other cases do not wait.",
    teaches="Five agents under a steady load; in the middle of it one agent becomes slow for one case in three. "
    "Those go to its fallback when their budget is over, and p50 and p99 of all others are compared with before.",
    cases=400,
    cases_are="Cases in all.",
    fewest=40,
    scale=1.0,
    scale_is="Of the 30 seconds that the slow agent takes.",
    sabotage="no fallback: whatever fails ends its case",
    rooms=rooms,
    play=play,
)
