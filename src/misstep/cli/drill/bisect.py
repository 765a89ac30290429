"""`misstep drill bisect`"""

from __future__ import annotations

import math
from pathlib import Path

from misstep.agents.wiring import Wiring
from misstep.cli.bisect import bisect_case, most_steps
from misstep.cli.called_as import called_as
from misstep.cli.drill.chart import Lines
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.long_history import CONTRACTS, LENGTH, STEPS, ToIncome, planted, score
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.stage import Stage
from misstep.cli.predicate import read_check
from misstep.saga.rooms import Project
from misstep.store.culprit import Search

WORKFLOW = "long_history"
CHECK = "misstep.cli.drill.long_history:adds_up"
PER_SECOND = 20.0
SHOWN = 8
SILENT = "none"


def rooms(env: DrillEnvironment) -> Project:
    """Six agents in a ring."""
    played = score(WORKFLOW, env.setup.seed, covers_up=env.setup.sabotage)
    return Project(Path(__file__).parent, {WORKFLOW: played}, CONTRACTS, Wiring())


def play(stage: Stage) -> Report:
    """Every case goes wrong once; then each is bisected as `misstep bisect` does."""
    setup = stage.setup
    cases = {f"case-{number:03}": number for number in range(setup.cases)}
    faults = [
        f"{len(cases)} cases of {LENGTH} turns each, by {len(STEPS)} agents in {LENGTH // len(STEPS)} rounds; in each, "
        f"one turn at a random version adds its points up wrong (seed {setup.seed})",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    pace = stage.pace(WORKFLOW)
    with stage.running(WORKFLOW):
        pace.publish(
            ((name, ToIncome(number=number).model_dump_json().encode()) for name, number in cases.items()), PER_SECOND
        )
        stage.await_all(WORKFLOW)
    accounted = stage.accounted_for()
    namespace = stage.env.settings.namespace
    stage.say(f"$ {called_as()} bisect CASE --check {CHECK} --namespace {namespace}")
    predicate = read_check(CHECK)
    found: dict[str, Search] = {}
    for name in cases:
        _, found[name] = bisect_case(stage.env.dsn, stage.env.bootstrap, namespace, name, predicate)
    return _report(stage, cases, found, faults, accounted)


def _report(
    stage: Stage, cases: dict[str, int], found: dict[str, Search], faults: list[str], accounted: list[Check]
) -> Report:
    where = {name: planted(stage.setup.seed, number) for name, number in cases.items()}
    named = {
        name: (search.culprit.version, search.culprit.agent) if search.culprit is not None else None
        for name, search in found.items()
    }
    right = [name for name in cases if named[name] == where[name]]
    steps = {name: search.steps for name, search in found.items()}
    most, one_by_one = most_steps(LENGTH + 1), {name: version + 1 for name, (version, _) in where.items()}
    proofs = [probe.version.proof for search in found.values() for probe in search.probes]
    short = [name for name, search in found.items() if search.culprit is not None and search.searched != LENGTH + 1]
    rows = [
        (
            name,
            f"{where[name][1]} at {where[name][0]}",
            SILENT if (culprit := found[name].culprit) is None else f"{culprit.agent} at {culprit.version}",
            "" if culprit is None else culprit.build or "",
            found[name].searched,
            steps[name],
            one_by_one[name],
        )
        for name in list(cases)[:SHOWN]
    ]
    first = next(iter(found.values()))
    probes = [
        (
            "end" if number < first.ends else str(number - first.ends + 1),
            f"{probe.version.topic}[{probe.version.partition}]@{probe.version.offset}",
            "good" if probe.good else "bad",
            probe.version.version,
        )
        for number, probe in enumerate(first.probes)
    ]
    mean, mean_one_by_one = (sum(of.values()) / max(1, len(of)) for of in (steps, one_by_one))
    checks = [
        *accounted,
        Check(
            "agent and version are named as they were planted",
            len(right) == len(cases),
            f"{len(right)} of {len(cases)}",
        ),
        Check(
            f"in at most {most} steps each, the log2 of {LENGTH + 1} versions",
            bool(steps) and max(steps.values()) <= most and not short,
            f"{max(steps.values(), default=0)} at most, {mean:.1f} in the mean; reading on from the start takes "
            f"{mean_one_by_one:.1f}",
        ),
        Check(
            "each version judged is read back from Kafka and proved by its hash",
            bool(proofs) and all(proof == "verified" for proof in proofs),
            f"{sum(proof == 'verified' for proof in proofs)} of {len(proofs)}",
        ),
    ]
    lines = {
        "misstep bisect": sorted((float(where[name][0]), float(steps[name])) for name in cases),
        "one after the other": sorted((float(where[name][0]), float(one_by_one[name])) for name in cases),
    }
    chart = Lines(
        "Versions judged until the culprit is known", "version at which it went wrong", "versions", lines, dots=True
    )
    columns = ("case", "planted", "named", "build", "versions", "steps", "one by one")
    return Report(
        faults,
        [
            Figures(f"The first {len(rows)} of {len(cases)} cases", columns, rows, words=4),
            Figures(
                f"How {next(iter(found))} was searched", ("step", "read back from", "it is", "version"), probes, words=3
            ),
        ],
        checks,
        chart,
        {"steps": {"most": max(steps.values(), default=0), "mean": mean, "log2": math.log2(LENGTH + 1)}},
    )


DRILL = Drill(
    name="bisect",
    summary="One wrong turn in a long history: a search over its versions names the agent in log2 steps.",
    teaches="Six agents rate a case in twelve rounds, and one turn, at a random version, adds its points up wrong; all "
    "later turns carry the mistake on. State versions are never changed, so each case can be bisected: every step "
    "reads one version back from Kafka, proves it, and judges it.",
    cases=24,
    cases_are="How many cases, each with a mistake of its own.",
    fewest=1,
    sabotage="the last turn adds the rating up anew, so that the end looks good",
    rooms=rooms,
    play=play,
)
