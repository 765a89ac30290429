"""`misstep drill dead-agent`"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from misstep.agents.route import dead_letter, retry
from misstep.agents.wiring import Wiring
from misstep.cli.drill.chart import Lines
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.five_agents import CONTRACTS, FIVE, Asked, nothing
from misstep.cli.drill.numbered import Numbered
from misstep.cli.drill.phases import Phases
from misstep.cli.drill.report import Check, Report
from misstep.cli.drill.stage import PATIENCE_S, Stage
from misstep.cli.outcome_summary import COMPLETED
from misstep.saga.choreography import Choreography
from misstep.saga.rooms import Project

WORKFLOW = "dead"
DEAD: Final = "rate"
"""Who dies; the other four live in another process."""
OUTAGE_S = 300.0
"""How long; `--scale` makes it less."""
AROUND_S = 4.0
"""How long the load lasts at most before the outage and after it; a quarter of the outage, if that is less."""
AROUND_LEAST_S = 1.5
BEFORE, DURING, AFTER, DRAINED = "before", "its worker is dead", "it is back", "draining"
WENT_ON = 0.9
"""Share of the cases of the outage that must reach the dead agent's door meanwhile; the last ones are on their way."""


def rooms(env: DrillEnvironment) -> Project:
    """Five agents that do not fail."""
    score = Choreography(WORKFLOW, starts=Asked, deadline="2h", handoffs=0)
    for step in FIVE:
        route = retry(3, first="100ms") | dead_letter
        score.on(step.agent(nothing, budget="10s"), waive="a drill", model_down=route, latency_blow=route)
    return Project(Path(__file__).parent, {WORKFLOW: score}, CONTRACTS, Wiring())


def play(stage: Stage) -> Report:
    """A steady load; one agent's process is killed, and comes back."""
    setup = stage.setup
    outage_s = OUTAGE_S * setup.scale
    faults = [
        f"the worker process of agent {DEAD} is killed (SIGKILL) for {outage_s:g} s (five minutes, times "
        f"{setup.scale:g}), under a load of {setup.cases} cases/s",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    others = [f"{WORKFLOW}/{step.name}" for step in FIVE if step.name != DEAD]
    victim = f"{WORKFLOW}/{DEAD}"
    around_s = max(AROUND_LEAST_S, min(AROUND_S, outage_s / 4))
    load, phases = Numbered(stage.pace(WORKFLOW)), Phases(stage, WORKFLOW)
    with stage.running(*others), stage.running(victim, index=1) as worker:
        stage.say("before ...")
        phases.start(BEFORE)
        load.publish(setup.cases, around_s)
        stage.say(f"The worker of {DEAD} is killed ...")
        worker.kill()
        phases.start(DURING)
        load.publish(setup.cases, outage_s)
        phases.start(AFTER)
        if not setup.sabotage:
            stage.say(f"It comes back to {phases.under_way(phases[DURING].end)} cases ...")
            with stage.interrupts.held():
                worker.start()
        load.publish(setup.cases, around_s)
        phases.start(DRAINED)
        stage.await_all(WORKFLOW, 3.0 if setup.sabotage else PATIENCE_S)
        phases.close()
    return _report(stage, phases, load.next, faults)


def _report(stage: Stage, phases: Phases, published: int, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    outage, back = phases[DURING], phases[AFTER].begin
    waiting = phases.under_way(outage.end)
    took, at = stage.latencies(WORKFLOW), stage.paces[WORKFLOW].at
    queued = phases.published(DURING)
    drained_s = max((at[case] + took[case] - back for case in queued if case in took), default=0.0)
    completed = stage.outcomes(WORKFLOW)[COMPLETED]
    reached = stage.rows(
        REACHED_SQL, agent="enrich", begin=_moment(outage.begin), end=_moment(outage.end), cases=queued
    )[0][0]
    checks = [
        *accounted,
        Check("every case completes", completed == published, f"{completed} of {published}"),
        Check(
            "the agents before it go on meanwhile",
            reached >= WENT_ON * len(queued),
            f"{reached} of {len(queued)} cases reached the dead agent's door during the outage",
        ),
        Check(
            "what queued is done sooner than it queued",
            bool(queued) and all(case in took for case in queued) and drained_s <= outage.seconds + AROUND_S,
            f"{waiting} cases waited; the last ended {drained_s:.1f} s after the return, the outage was "
            f"{outage.seconds:.1f} s",
        ),
    ]
    chart = Lines(
        "Cases under way while an agent is dead",
        "seconds",
        "cases",
        {"published and not ended": phases.line_under_way()},
        phases.marked(DURING),
    )
    return Report(faults, [phases.figures()], checks, chart, {"waiting": waiting, "seconds_to_drain": drained_s})


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


REACHED_SQL = """
SELECT count(*) FROM case_turns
WHERE namespace = %(namespace)s AND agent = %(agent)s AND failure_reason = 'ok'
  AND occurred_at BETWEEN %(begin)s AND %(end)s AND case_id = ANY(%(cases)s)
"""

DRILL = Drill(
    name="dead-agent",
    summary="An agent is dead for five minutes: cases wait in Kafka, and all complete exactly once after its return.",
    teaches="Five agents in two processes under a steady load. The process of one of them is killed and comes back "
    "later; what waited meanwhile, how long it takes to drain, and whether anything is lost or done twice is counted.",
    cases=20,
    cases_are="Cases a second.",
    scale=0.05,
    scale_is="Of the five minutes: 0.05 makes 15 seconds.",
    sabotage="the agent does not come back",
    rooms=rooms,
    play=play,
)
