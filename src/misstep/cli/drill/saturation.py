"""`misstep drill saturation`"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from misstep.agents.route import dead_letter, retry
from misstep.agents.turn import Turn
from misstep.agents.wiring import Wiring
from misstep.cli.drill.chart import Lines
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.five_agents import CONTRACTS, FIVE, Asked, nothing
from misstep.cli.drill.memory import MemoryWatch
from misstep.cli.drill.numbered import Numbered
from misstep.cli.drill.phases import Phases
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.stage import Stage
from misstep.cli.outcome_summary import COMPLETED, percentile
from misstep.saga.choreography import Choreography
from misstep.saga.rooms import Project

WORKFLOW = "busy"
NARROW: Final = "rate"
"""Who takes its time for each case, one at a time."""
CAPACITY = 6.5
"""Times the normal rate is what it could do at most: less than the burst brings."""
TIMES = 10
BURST_S = 60.0
"""How long; `--scale` makes it less."""
SHORTEST_S = 2.0
PADDING = 2_000
BOUND_MB = 150
BEFORE, BURST, DRAINING, AFTER = "normal load", "ten times the load", "draining", "normal load again"
WORKING_MS = 250.0
"""What p99 may gain on a machine that does other things too."""
_hoard: list[bytes] = []


def rooms(env: DrillEnvironment) -> Project:
    """Five agents, one of them narrow."""
    setup = env.setup
    takes_s = 1 / (CAPACITY * setup.cases)
    kept = int(4 * BOUND_MB * 1e6 / (TIMES * setup.cases * max(SHORTEST_S, BURST_S * setup.scale)))

    def before(turn: Turn[Any]) -> None:
        time.sleep(takes_s)
        if setup.sabotage:
            _hoard.append(b"\x01" * kept)

    score = Choreography(WORKFLOW, starts=Asked, deadline="2h", handoffs=0)
    for step in FIVE:
        route = retry(3, first="100ms") | dead_letter
        agent = step.agent(before if step.name == NARROW else nothing, budget="10s")
        score.on(agent, waive="a drill", model_down=route, latency_blow=route)
    return Project(Path(__file__).parent, {WORKFLOW: score}, CONTRACTS, Wiring())


def play(stage: Stage) -> Report:
    """Normal load, ten times as much for a while, and normal load again."""
    setup = stage.setup
    burst_s = max(SHORTEST_S, BURST_S * setup.scale)
    calm_s = max(SHORTEST_S, burst_s / 2)
    faults = [
        f"{setup.cases} cases/s of {PADDING:,} bytes, then {TIMES * setup.cases} for {burst_s:g} s (a minute, times "
        f"{setup.scale:g}); agent {NARROW} takes one at a time and can do {CAPACITY * setup.cases:g}/s at most",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    load, phases = Numbered(stage.pace(WORKFLOW), PADDING), Phases(stage, WORKFLOW)
    with stage.running(WORKFLOW) as worker, MemoryWatch(worker) as memory:
        for name, rate, seconds in ((BEFORE, setup.cases, calm_s), (BURST, TIMES * setup.cases, burst_s)):
            stage.say(f"{name} ...")
            phases.start(name)
            load.publish(rate, seconds)
        lag = stage.lag(WORKFLOW, NARROW)
        stage.say(f"{phases.under_way(time.time())} cases wait ...")
        phases.start(DRAINING)
        stage.await_all(WORKFLOW)
        stage.say(f"{AFTER} ...")
        phases.start(AFTER)
        load.publish(setup.cases, calm_s)
        stage.await_all(WORKFLOW)
        phases.close()
    return _report(stage, phases, memory, load.next, lag, faults)


def _report(stage: Stage, phases: Phases, memory: MemoryWatch, published: int, lag: int, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    completed = stage.outcomes(WORKFLOW)[COMPLETED]
    normal_mb = memory.most(phases[BEFORE])
    grown_mb = max(memory.most(phases[BURST]), memory.most(phases[DRAINING])) - normal_mb
    normal = len(phases.published(BEFORE)) / phases[BEFORE].seconds
    # The burst's first second has the cases of before in it, and its windows are as long as a noisy machine needs.
    least = min(phases.finished_per_second(BURST, max(1.0, phases[BURST].seconds / 5)), default=0.0)
    p99 = {name: 1000 * percentile(list(phases.spans(name).values()), 0.99) for name in (BEFORE, AFTER)}
    waited = phases.under_way(phases[BURST].end)
    checks = [
        *accounted,
        Check("nothing is lost: every case completes", completed == published, f"{completed} of {published}"),
        Check(
            "load beyond capacity queues in Kafka",
            min(waited, lag) > stage.setup.cases,
            f"{waited} cases waited at the end of the burst; agent {NARROW} had {lag} records before it",
        ),
        Check(
            f"the worker's memory stays bounded: at most {BOUND_MB} MB more",
            grown_mb <= BOUND_MB,
            f"{normal_mb:.0f} MB at normal load, {grown_mb:+.0f} MB at most in the burst",
        ),
        Check(
            "the rate of finished cases does not fall below that of normal load",
            least >= 0.9 * normal,
            f"at least {least:.0f}/s in each part of the burst, {normal:.0f}/s before",
        ),
        Check(
            "latency returns",
            p99[AFTER] <= 2 * p99[BEFORE] + WORKING_MS,
            f"p99 {p99[AFTER]:.0f} ms, before {p99[BEFORE]:.0f} ms",
        ),
    ]
    rows = [
        (name, round(memory.most(phases[name])), round(sum(rates) / max(1, len(rates)), 1))
        for name in (BEFORE, BURST, DRAINING, AFTER)
        for rates in (phases.finished_per_second(name),)
    ]
    chart = Lines(
        "Cases under way, and the worker's memory, through a burst",
        "seconds",
        "cases, MB",
        {
            "published and not ended": phases.line_under_way(),
            "worker's memory, MB": memory.line(phases[BEFORE].begin),
        },
        phases.marked(BURST),
    )
    columns = ("phase", "worker's memory at most, MB", "finished a second")
    return Report(faults, [phases.figures(), Figures("The worker", columns, rows)], checks, chart)


DRILL = Drill(
    name="saturation",
    summary="Ten times the load for a minute: it queues in Kafka, memory stays bounded, latency returns.",
    teaches="Five agents, one of which can take no more than six times the normal load, get ten times as much for a "
    "while. How many cases wait, what the worker's memory does, and how long cases take afterwards is measured.",
    cases=30,
    cases_are="Cases a second at normal load.",
    fewest=5,
    scale=0.25,
    scale_is="Of the minute: 0.25 makes 15 seconds.",
    sabotage="an agent remembers all that it ever saw",
    rooms=rooms,
    play=play,
)
