"""`misstep drill regression`"""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from datetime import timedelta

import orjson

from misstep.cli.called_as import called_as
from misstep.cli.drill.chart import Bars
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.repository import read_lines, repository
from misstep.cli.drill.stage import Stage
from misstep.cli.taxonomy_comparison import comparison_json, sentence
from misstep.saga.rooms import Project
from misstep.store.taxonomy_compare import COMPARED_BY, compare

WORKFLOW = "outreach"
FILE = "examples/fines.jsonl"
CULPRIT = "drafter_primary"
OLD, NEW = "drill-1", "drill-2"
"""The builds before and after."""
SOUND, WORSE = "sound", "hasty"
"""What the writer behind the drafters is told to be, by OUTREACH_DRAFTER_BUILD."""
PER_SECOND = 40.0
SHOWN = 8


def rooms(env: DrillEnvironment) -> Project:
    """The repository's outreach workflow as it is."""
    project = repository(env, WORKFLOW, FILE)
    return replace(project, choreographies={WORKFLOW: project.choreographies[WORKFLOW]})


def play(stage: Stage) -> Report:
    """The same fines under the old build and under the new one; then the question who got worse."""
    setup = stage.setup
    lines = read_lines(stage.env.project.root, FILE)
    random.Random(setup.seed).shuffle(lines)
    fines = [(str(orjson.loads(line)["fine_id"]), line) for line in lines]
    chosen = [(f"{name}-{round_}", line) for round_ in range(-(-setup.cases // len(fines))) for name, line in fines]
    chosen = chosen[: setup.cases]
    faults = [
        f"after {len(chosen)} cases build {NEW} replaces {OLD}; in it, "
        + ("nothing is worse" if setup.sabotage else f"the writer behind {CULPRIT} is {WORSE} and not {SOUND}"),
        f"the same {len(chosen)} cases before and after, of {len(fines)} fines (in an order by seed {setup.seed})",
    ]
    for line in faults:
        stage.say(f"On purpose: {line}")
    pace = stage.pace(WORKFLOW)
    switched = 0.0
    for build, writer in ((OLD, SOUND), (NEW, SOUND if setup.sabotage else WORSE)):
        stage.say(f"Build {build} ...")
        switched = time.time()
        with stage.running(WORKFLOW, MISSTEP_BUILD=build, OUTREACH_DRAFTER_BUILD=writer):
            pace.publish(((f"{build}/{name}", line) for name, line in chosen), PER_SECOND)
            stage.await_all(WORKFLOW)
    return _report(stage, switched, faults)


def _report(stage: Stage, switched: float, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    since_s = math.ceil(time.time() - switched)
    env = stage.env
    command = f"{called_as()} taxonomy --compare --since {since_s}s --workflow {WORKFLOW}"
    stage.say(f"$ {command} --namespace {env.settings.namespace}")
    compared = compare(env.dsn, env.settings.namespace, timedelta(seconds=since_s), WORKFLOW, COMPARED_BY)
    said = comparison_json(compared, with_before=True)
    culprit = said["culprit"]
    rows = [
        (
            change.group["agent"],
            change.group["build"],
            change.group["reason"],
            f"{change.before.rate:.1%}",
            f"{change.now.rate:.1%}",
            f"{100 * change.worse_by:+.1f}",
            "yes" if change.stands_out else "",
        )
        for change in compared.changes[:SHOWN]
    ]
    columns = ("agent", "build", "failure reason", "before", "now", "points", "more than chance")
    checks = [
        *accounted,
        Check(
            "one command names the agent and the build",
            culprit is not None and (culprit["agent"], culprit["build"]) == (CULPRIT, NEW),
            sentence(compared, f"{since_s}s").rstrip("."),
        ),
    ]
    groups = [
        (f"{change.group['agent']}: {change.group['reason']}", (100 * change.before.rate, 100 * change.now.rate))
        for change in compared.changes[:5]
    ]
    chart = Bars("Failures, of each agent's turns", "%", (f"before, build {OLD}", f"now, build {NEW}"), groups)
    title = "What changed, of each agent's turns"
    return Report(faults, [Figures(title, columns, rows, words=3)], checks, chart, {"comparison": said})


DRILL = Drill(
    name="regression",
    summary="A drafter gets worse with a new build: one command names the agent and the build.",
    teaches="The outreach workflow writes to the same people twice, the second time under a build in which the writer "
    "behind one drafter got worse. The reviewer is who fails more often; misstep taxonomy --compare must say whose "
    "letters it fails on.",
    cases=210,
    cases_are="Cases before, and as many after.",
    fewest=40,
    sabotage="the new build is as good as the old one",
    rooms=rooms,
    play=play,
)
