"""`misstep drill coordinator-outage`"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from misstep.agents.route import compensate, dead_letter, retry
from misstep.agents.turn import Turn
from misstep.agents.undo import Undo
from misstep.agents.wiring import Wiring
from misstep.cli.drill.chart import Lines
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.five_agents import CONTRACTS, FIVE, Asked, nothing
from misstep.cli.drill.numbered import Numbered, case_name
from misstep.cli.drill.phases import Phases
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import PATIENCE_S, Stage
from misstep.cli.outcome_summary import COMPLETED, percentile
from misstep.contracts import Contract
from misstep.saga.choreography import Choreography
from misstep.saga.rooms import Project
from misstep.testing.faults import drawn

WORKFLOW = "unwound"
LAST: Final = "record"
"""Who fails; everything before it is taken back."""
UNDONE: Final = ("enrich", "rate", "decide")
FAILING = 0.1
OUTAGE_S = 300.0
"""How long there is no coordinator; `--scale` makes it less."""
AROUND_S = 4.0
AROUND_LEAST_S = 1.5
WITHIN_S = 10.0
"""Seconds of the return, in which a process has to start and join its group, too."""
WORKING_MS = 250.0
"""What p99 may gain on a machine that does other things too."""
COMPENSATED = "compensated"
BEFORE, DURING, BACK, AFTERWARDS = "before", "no coordinator", "it is back", "afterwards"


def fails(setup: Setup, number: int) -> bool:
    """Whether a case fails in its last step: the fault schedule."""
    return drawn(setup.seed, number, LAST) < FAILING


def rooms(env: DrillEnvironment) -> Project:
    """Five agents; three of them can be undone."""
    setup = env.setup

    def before(turn: Turn[Any]) -> None:
        if fails(setup, turn.payload.number):
            raise ConnectionError("a fault on purpose")

    score = Choreography(WORKFLOW, starts=Asked, deadline="2h", handoffs=0)
    for step in FIVE:
        agent = step.agent(before if step.name == LAST else nothing, budget="10s")
        route = compensate if step.name == LAST else retry(3, first="100ms") | dead_letter
        score.on(agent, waive="a drill", model_down=route, latency_blow=retry(3, first="100ms") | dead_letter)
        if step.name in UNDONE:
            score.undo(agent)(_take_back)
    return Project(Path(__file__).parent, {WORKFLOW: score}, CONTRACTS, Wiring())


async def _take_back(undo: Undo[Any, Any]) -> Contract | None:
    """Nothing to undo outside Kafka; that it was done is in the undo topic and in the audit."""
    return None


def play(stage: Stage) -> Report:
    """A steady load with failing cases in it; the coordinator's process is killed, and comes back."""
    setup = stage.setup
    outage_s = OUTAGE_S * setup.scale
    around_s = max(AROUND_LEAST_S, min(AROUND_S, outage_s / 4))
    rate = setup.cases / outage_s
    patience_s = 3.0 if setup.sabotage else PATIENCE_S
    faults = [
        f"the only coordinator is killed (SIGKILL) for {outage_s:g} s (five minutes, times {setup.scale:g}), in which "
        f"{setup.cases} cases are published, {rate:.0f}/s",
        f"agent {LAST} fails in {FAILING:.0%} of the cases (seed {setup.seed}), route compensate: "
        f"{', '.join(reversed(UNDONE))} are to be undone",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    load, phases = Numbered(stage.pace(WORKFLOW)), Phases(stage, WORKFLOW)
    with (
        stage.running(WORKFLOW, coordinate="no"),
        stage.running(WORKFLOW, index=1, coordinate="only") as coordinator,
    ):
        stage.say("before ...")
        phases.start(BEFORE)
        load.publish(rate, around_s)
        stage.say("The coordinator is killed ...")
        coordinator.kill()
        phases.start(DURING)
        load.publish(rate, outage_s)
        phases.start(BACK)
        if not setup.sabotage:
            stage.say("It comes back ...")
            with stage.interrupts.held():
                coordinator.start()
        load.publish(rate, around_s)
        stage.await_all(WORKFLOW, patience_s)
        stage.say("afterwards ...")
        phases.start(AFTERWARDS)
        load.publish(rate, around_s)
        stage.await_all(WORKFLOW, patience_s)
        phases.close()
    return _report(stage, phases, load.next, faults)


def _report(stage: Stage, phases: Phases, published: int, faults: list[str]) -> Report:
    setup = stage.setup
    accounted = stage.accounted_for()
    failing = {case_name(number) for number in range(published) if fails(setup, number)}
    ended = {one.case_id: one.outcome for one in stage.ended(WORKFLOW)}
    otherwise = [
        case
        for case in map(case_name, range(published))
        if ended.get(case) != (COMPENSATED if case in failing else COMPLETED)
    ]
    undone = {case: list(agents) for case, agents in stage.rows(UNDONE_SQL)}
    half = [case for case in failing if undone.get(case) != list(reversed(UNDONE))]
    at, took = stage.paces[WORKFLOW].at, stage.latencies(WORKFLOW)
    back, outage = phases[BACK].begin, phases[DURING]
    ends = {case: at[case] + span for case, span in took.items()}
    waiting = [case for case in failing if at[case] < back and ends.get(case, back) >= back]
    unwound_s = max((ends[case] - back for case in waiting if case in ends), default=0.0)
    good = [case for case in phases.published(DURING) if case not in failing]
    meanwhile = sum(ends.get(case, back) < back for case in good)
    still = [case for case in good if ends.get(case, back) >= back and at[case] < outage.end - 1.0]
    rows, p99 = [], {}
    for name in (BEFORE, DURING, BACK, AFTERWARDS):
        spans = phases.spans(name)
        for what, some in (("do not fail", set(spans) - failing), ("are taken back", set(spans) & failing)):
            times = [1000 * spans[case] for case in some]
            p99[name, what] = percentile(times, 0.99)
            rows.append((name, what, len(times), round(percentile(times, 0.5)), round(p99[name, what])))
    columns = ("published", "cases that", "how many", "p50 ms", "p99 ms")
    checks = [
        *accounted,
        Check(
            "cases that fail are compensated, the others complete",
            not otherwise,
            f"{len(failing)} and {published - len(failing)}; {len(otherwise)} ended otherwise",
        ),
        Check(
            "every step that was done is undone once, in reverse order",
            not half,
            f"{len(failing) - len(half)} of {len(failing)} cases: {', '.join(reversed(UNDONE))}",
        ),
        Check(
            "cases that do not fail go on meanwhile",
            bool(good) and not still,
            f"{meanwhile} of {len(good)} that were published in the outage ended in it",
        ),
        Check(
            f"what waited is unwound within {WITHIN_S:g} s of the return",
            bool(waiting) and all(case in ends for case in waiting) and unwound_s <= WITHIN_S,
            f"{len(waiting)} cases waited; the last ended {unwound_s:.1f} s after the return",
        ),
        Check(
            "no lasting slowdown",
            p99[AFTERWARDS, "do not fail"] <= 2 * p99[BEFORE, "do not fail"] + WORKING_MS,
            f"p99 of cases that do not fail {p99[AFTERWARDS, 'do not fail']:.0f} ms, before "
            f"{p99[BEFORE, 'do not fail']:.0f} ms",
        ),
    ]
    begin = phases[BEFORE].begin
    dots = {case: (at[case] - begin, 1000 * span) for case, span in took.items()}
    chart = Lines(
        "Time from publication to outcome, a dot a case",
        "seconds",
        "ms",
        {
            "completed": [dot for case, dot in dots.items() if case not in failing],
            "compensated": [dot for case, dot in dots.items() if case in failing],
        },
        phases.marked(DURING),
        dots=True,
    )
    figures = Figures("From publication to outcome", columns, rows, words=2)
    return Report(faults, [figures], checks, chart, {"waiting": len(waiting), "seconds_to_unwind": unwound_s})


UNDONE_SQL = """
SELECT case_id, array_agg(agent ORDER BY state_version) FROM case_turns
WHERE namespace = %(namespace)s AND kind = 'undo' AND agent <> 'undo' AND failure_reason = 'ok' GROUP BY case_id
"""

DRILL = Drill(
    name="coordinator-outage",
    summary="No coordinator for five minutes: others go on, failing cases are unwound within seconds of its return.",
    teaches="Five agents in one process, the coordinator of the undos in another, under a steady load in which one "
    "case in ten fails and is to be taken back. The coordinator is killed and comes back later; what goes on without "
    "it, and how soon the failing cases are unwound, is measured.",
    cases=500,
    cases_are="Cases that are published while there is no coordinator.",
    fewest=30,
    scale=0.05,
    scale_is="Of the five minutes: 0.05 makes 15 seconds.",
    sabotage="the coordinator does not come back",
    rooms=rooms,
    play=play,
)
