"""`misstep drill corrupt-data`"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from misstep.cli.drill.chart import Bars
from misstep.cli.drill.corruption import CORRUPTIONS, UNSEEN, Corruption
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.receipts import ALL, WORKFLOW, invoice_project, read_receipts
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import Stage
from misstep.cli.outcome_watch import Ended
from misstep.contracts.failure import REASONS
from misstep.saga.rooms import Project

EVERY = 3
"""One receipt in so many is corrupted."""
PER_SECOND = 40.0
CALM = "calm/"
"""Before the id of a receipt in the first pass, in which nothing is corrupt."""
DEAD = "dead_lettered"


def rooms(env: DrillEnvironment) -> Project:
    """The repository's invoice workflow as it is."""
    project = invoice_project(env)
    return replace(project, choreographies={WORKFLOW: project.choreographies[WORKFLOW]})


def corrupted(receipts: list[str], setup: Setup) -> dict[str, Corruption]:
    """Which receipts are corrupted, and how: each way in turn."""
    ways = (*CORRUPTIONS, UNSEEN) if setup.sabotage else CORRUPTIONS
    chosen = random.Random(setup.seed).sample(receipts, max(len(ways), len(receipts) // EVERY))
    return {receipt: ways[number % len(ways)] for number, receipt in enumerate(chosen)}


def play(stage: Stage) -> Report:
    """All receipts as they are, then again with some of them corrupted."""
    setup = stage.setup
    receipts = read_receipts(stage.env.project.root, setup.cases)
    bad = corrupted(sorted(receipts), setup)
    places = Counter(way.place for way in bad.values())
    faults = [
        f"{len(bad)} of {len(receipts)} receipts are corrupted on their way to Kafka (seed {setup.seed}), in "
        f"{len({way.name for way in bad.values()})} ways: {places['bytes']} in their bytes, {places['fields']} in "
        f"their fields, {places['headers']} in their headers"
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    pace = stage.pace(WORKFLOW)
    sent: dict[str, bytes] = {}
    with stage.running(WORKFLOW):
        stage.say(f"{len(receipts)} receipts as they are, to compare with")
        pace.publish(((CALM + name, value) for name, value in receipts.items()), PER_SECOND)
        stage.await_all(WORKFLOW)
        stage.say(f"The same receipts, {len(bad)} of them corrupted among the others")
        for name, value in receipts.items():
            way = bad.get(name)
            sent[name] = value if way is None else way.value(value, random.Random(f"{setup.seed}/{name}"))
            pace.one(name, sent[name], PER_SECOND, way.header if way is not None else None)
        pace.acknowledged()
        stage.await_all(WORKFLOW)
    return _report(stage, bad, sent, faults)


def _report(stage: Stage, bad: dict[str, Corruption], sent: dict[str, bytes], faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    ended = {one.case_id: one for one in stage.ended(WORKFLOW)}
    letters = {case: bytes(value or b"") for case, value in stage.rows(LETTERS_SQL)}
    stories = {case: story for case, story in stage.rows(STORIES_SQL)}  # noqa: C416  # rows are not pairs by type
    unnamed = [
        name
        for name in bad
        if name not in ended or ended[name].outcome != DEAD or ended[name].failure_reason not in REASONS
    ]
    unkept = [name for name in bad if letters.get(name) != sent[name]]
    good = [name for name in sent if name not in bad]
    late = {str(case).removeprefix(CALM) for (case,) in stage.rows(LATE_SQL)}  # this machine was busy, in either pass
    compared = [name for name in good if name not in late]
    touched = [
        name
        for name in compared
        if name not in ended
        or (ended[name].outcome, stories.get(name)) != (ended[CALM + name].outcome, stories.get(CALM + name))
    ]
    rows = []
    for way in (one for one in (*CORRUPTIONS, UNSEEN) if one in bad.values()):
        names = [name for name, its in bad.items() if its is way]
        reasons = Counter(ended[name].failure_reason for name in names if name in ended)
        rows.append(
            (
                way.name,
                way.place,
                ", ".join(reason for reason in reasons if reason != "ok") or "none",
                len(names),
                sum(name in ended and ended[name].outcome == DEAD for name in names),
                sum(letters.get(name) == sent[name] for name in names),
            )
        )
    dead = sum(ended[name].outcome == DEAD for name in good if name in ended)
    rows.append(("as they are", "", "", len(good), dead, 0))
    columns = ("what was done", "in its", "failure reason", "cases", "dead letters", "kept byte for byte")
    checks = [
        *accounted,
        Check(
            "each corrupt case is a dead letter with a failure reason of the closed list",
            not unnamed,
            f"{len(bad) - len(unnamed)} of {len(bad)}" + _such(unnamed),
        ),
        Check("and is kept byte for byte", not unkept, f"{len(bad) - len(unkept)} of {len(bad)}" + _such(unkept)),
        Check(
            "no good case is touched: agents, results and outcome are as without the corrupt ones",
            bool(compared) and not touched,
            f"{len(compared) - len(touched)} of {len(compared)} alike{_such(touched)}"
            + (f"; {len(good) - len(compared)} ran out of time by themselves" if len(good) > len(compared) else ""),
        ),
    ]
    groups = [
        (place, [sum(way.place == place for way in bad.values()), _dead(bad, place, ended)])
        for place in ("bytes", "fields", "headers")
    ]
    chart = Bars("Corrupt receipts, by where they are corrupt", "cases", ("corrupted", "dead letters"), groups)
    return Report(faults, [Figures("What became of them", columns, rows, words=3)], checks, chart)


def _dead(bad: dict[str, Corruption], place: str, ended: dict[str, Ended]) -> int:
    return sum(name in ended and ended[name].outcome == DEAD for name, way in bad.items() if way.place == place)


def _such(names: list[str]) -> str:
    return f" (not {', '.join(names[:3])}{' ...' if len(names) > 3 else ''})" if names else ""


LETTERS_SQL = "SELECT case_id, value FROM dead_letters WHERE namespace = %(namespace)s"
LATE_SQL = """
SELECT DISTINCT case_id FROM case_turns WHERE namespace = %(namespace)s AND kind = 'turn' AND (
    coalesce(degraded, failure_reason) IN ('latency_blow', 'model_down') OR tries @> '[["latency_blow"]]'
)
"""
STORIES_SQL = """
SELECT case_id, jsonb_agg(
    jsonb_build_array(agent, failure_reason, payload - 'entry_id' - 'note_id' - 'detail') ORDER BY state_version
)
FROM case_turns WHERE namespace = %(namespace)s AND kind = 'turn' GROUP BY case_id
"""

DRILL = Drill(
    name="corrupt-data",
    summary="Corrupt bytes, fields and headers: each a dead letter with its reason, no other case touched.",
    teaches="Real receipts go through the invoice workflow twice: as they are, and with one in three corrupted on its "
    "way to Kafka. Every case must be accounted for, each corrupt one a dead letter kept byte for byte, and each good "
    "one must come to exactly what it came to before.",
    cases=ALL,
    cases_are="How many of the receipts.",
    fewest=2 * (len(CORRUPTIONS) + 1),
    sabotage="some receipts are changed in a way that no contract can see",
    rooms=rooms,
    play=play,
)
