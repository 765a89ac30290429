"""`misstep drill stale-cache`"""

from __future__ import annotations

import importlib
import math
import random
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from misstep.cli.cases_file import open_cases
from misstep.cli.drill.chart import Bars
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.repository import repository
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import Stage
from misstep.errors import UsageError
from misstep.saga.rooms import Project

FILE = "examples/loans.jsonl.gz"
ALL = 300
CACHE, VERSIONS = "rating_cache", "rating_versions"
SIDES: Final = {CACHE: ("cache", "a shared cache"), VERSIONS: ("versions", "state versions")}
PER_SECOND = 60.0
SIGMAS = 3.3
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Rating:
    """What became of one case's rating, as the audit has it."""

    case_id: str
    written: int
    """By who rated last."""
    read: int
    """By who answered."""
    later_ms: float
    """The second after the first."""

    @property
    def wrong(self) -> bool:
        return self.read != self.written


def rooms(env: DrillEnvironment) -> Project:
    """The same agents under one score twice, by two names."""
    project = repository(env, "credit", FILE)
    played = importlib.import_module("rooms.saga.drills.stale_cache")
    wiring = played.wiring_of(env.setup.seed, always_cache=env.setup.sabotage)
    return replace(project, choreographies={side: played.score(side) for side in SIDES}, wiring=wiring)


def play(stage: Stage) -> Report:
    """The same applications over the cache, and over state versions."""
    setup = stage.setup
    loans = _loans(stage, setup)
    is_lost, share = _schedule(setup)
    lost = {name for name in loans if is_lost(name)}
    faults = [
        f"the message that tells the cache to forget a rating is lost for {share:.0%} of the applications "
        f"(seed {setup.seed}): {len(lost)} of {len(loans)}; on both sides, for the same ones",
    ]
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    for workflow, (side, what) in SIDES.items():
        stage.say(f"{len(loans)} applications, their ratings read from {what}")
        pace = stage.pace(workflow)
        with stage.running(workflow, DRILL_RATINGS=side):
            pace.publish(loans.items(), PER_SECOND)
            stage.await_all(workflow)
    return _report(stage, lost, share, faults)


def _loans(stage: Stage, setup: Setup) -> dict[str, bytes]:
    """So many of the applications, by number, as they are."""
    with open_cases(str(stage.env.project.root / FILE)) as file:
        lines = file.read().splitlines()
    if setup.cases > len(lines):
        raise UsageError(f"--cases {setup.cases} is not possible: {FILE} has {len(lines)} applications.")
    chosen = random.Random(setup.seed).sample(lines, setup.cases)
    return {str(orjson.loads(line)["application_id"]): line for line in chosen}


def _schedule(setup: Setup) -> tuple[Any, float]:
    played = importlib.import_module("rooms.saga.drills.stale_cache")
    return lambda name: played.is_lost(setup.seed, name), played.LOST


def _report(stage: Stage, lost: set[str], share: float, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    answer_to = importlib.import_module("rooms.agents.credit_rating").answer_to
    ratings = {side: [Rating(*row) for row in stage.rows(RATINGS_SQL, workflow=side)] for side in SIDES}
    wrong = {side: [one for one in of if one.wrong] for side, of in ratings.items()}
    rows = []
    for side, (_, what) in SIDES.items():
        of, amiss = ratings[side], wrong[side]
        rows.append(
            (
                what,
                len(of),
                sum(one.case_id in lost for one in of),
                len(amiss),
                f"{len(amiss) / max(1, len(of)):.1%}",
                max((abs(one.read - one.written) for one in amiss), default=0),
                sum(answer_to(one.read) != answer_to(one.written) for one in amiss),
            )
        )
    columns = ("ratings read from", "rated", "messages lost", "wrong", "share", "points off, most", "answered wrong")
    # A rating that came out the same the second time cannot be read wrong.
    changed = _changed(stage)
    could = [one for one in ratings[CACHE] if one.case_id in changed]
    stale = len(wrong[CACHE]) / max(1, len(could))
    spread = SIGMAS * math.sqrt(share * (1 - share) / max(1, len(could)))
    due = {one.case_id for one in could if one.case_id in lost}
    names = {one.case_id for one in wrong[CACHE]}
    checks = [
        *accounted,
        Check(
            f"over a shared cache about {share:.0%} of the ratings are wrong, of those that changed",
            abs(stale - share) <= spread,
            f"{stale:.1%} of {len(could)} (chance alone makes {spread:.1%} either way)",
        ),
        Check(
            "they are those whose message was lost, and no others",
            names == due,
            f"{len(names & due)} of {len(due)} lost, {len(names - due)} others",
        ),
        Check(
            "over state versions none is",
            bool(ratings[VERSIONS]) and not wrong[VERSIONS],
            f"{len(wrong[VERSIONS])} of {len(ratings[VERSIONS])}",
        ),
    ]
    worst = sorted(wrong[CACHE], key=lambda one: -abs(one.read - one.written))[:SHOWN]
    seen = Figures(
        "Ratings that were read stale",
        ("application", "written", "read", "later, ms"),
        [(one.case_id, one.written, one.read, one.later_ms) for one in worst],
    )
    groups = [(what, (100 * len(wrong[side]) / max(1, len(ratings[side])),)) for side, (_, what) in SIDES.items()]
    chart = Bars("Wrong ratings, by where agents read them from", "%", ("wrong ratings",), groups)
    return Report(faults, [Figures("What agents read", columns, rows), seen], checks, chart)


def _changed(stage: Stage) -> set[str]:
    """The cases whose second rating was another one than the first."""
    return {str(case) for case, first, second in stage.rows(CHANGED_SQL, workflow=CACHE) if first != second}


RATINGS_SQL = """
SELECT written.case_id, (written.payload ->> 'points')::int, (read.payload ->> 'points')::int,
       (extract(epoch FROM read.occurred_at - written.occurred_at) * 1000)::float
FROM case_turns written JOIN case_turns read USING (namespace, workflow, case_id, epoch)
WHERE written.namespace = %(namespace)s AND written.workflow = %(workflow)s
  AND written.agent = 'rate_again' AND read.agent = 'answer' AND written.kind = 'turn' AND read.kind = 'turn'
ORDER BY 1
"""
CHANGED_SQL = """
SELECT case_id, min((payload ->> 'points')::int) FILTER (WHERE agent = 'rate_first'),
       min((payload ->> 'points')::int) FILTER (WHERE agent = 'rate_again')
FROM case_turns
WHERE namespace = %(namespace)s AND workflow = %(workflow)s AND kind = 'turn' AND failure_reason = 'ok'
GROUP BY case_id
"""

DRILL = Drill(
    name="stale-cache",
    summary="A shared cache answers one case in five by an old rating; state versions answer none.",
    teaches="Real loan applications are rated, quoted, rated again and answered, by the same agents twice: once they "
    "read ratings from a mutable cache that all of them share, and the message that makes it forget is lost for one "
    "application in five; once from the state version that they are handed. Who answered by which points stands in "
    "the audit.",
    cases=ALL,
    cases_are="How many of the applications.",
    fewest=20,
    sabotage="both sides read from the cache",
    rooms=rooms,
    play=play,
)
