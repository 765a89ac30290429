"""`misstep drill success-rate`"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from dataclasses import replace
from typing import Final

from misstep.cli.drill.chart import Bars
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.receipts import ALL, WORKFLOW, invoice_project, read_receipts
from misstep.cli.drill.report import Check, Figures, Report
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import Stage
from misstep.cli.outcome_summary import COMPLETED
from misstep.saga.rooms import Project
from misstep.testing.without_patterns import without_patterns

BARE: Final = f"{WORKFLOW}_bare"
"""Without patterns."""
FULL: Final = WORKFLOW
"""With all of them."""
SIDES: Final = {BARE: "without patterns", FULL: "with all five"}
PER_SECOND = 12.0
"""On each side. Reading a receipt is work: at more than this, two cores are busy with two sides."""
NAIVE = 0.78
SIGMAS = 2.0
AT_LEAST = 0.96
MORE_TIME = 1.15


def rooms(env: DrillEnvironment) -> Project:
    """The repository's agents under two scores."""
    project = invoice_project(env)
    setup = env.setup
    score = importlib.import_module("rooms.saga.drills.success_rate").score
    bad_day = importlib.import_module("rooms.agents.invoice_bad_day").BadDay
    full = score(FULL, bad_day(setup.seed))
    bare = without_patterns(full, BARE)
    scores = {BARE: bare, FULL: without_patterns(full, FULL) if setup.sabotage else full}
    return replace(project, choreographies=scores)


def play(stage: Stage) -> Report:
    """The same receipts on the same bad day, without and with patterns, side by side."""
    setup = stage.setup
    receipts = read_receipts(stage.env.project.root, setup.cases)
    faults = _faults(stage, setup, receipts)
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    stage.say(f"{len(receipts)} receipts on each side ...")
    bare, full = stage.pace(BARE), stage.pace(FULL)
    # At the same time, each in a process of its own: whatever else this machine does, it does to both.
    with stage.running(BARE, INVOICE_FAULTS=""), stage.running(FULL, index=1, INVOICE_FAULTS=""):
        for name, value in receipts.items():
            bare.one(name, value, PER_SECOND)
            full.one(name, value, PER_SECOND)
        bare.acknowledged()
        full.acknowledged()
        stage.await_all(BARE)
        stage.await_all(FULL)
    return _report(stage, faults)


def _faults(stage: Stage, setup: Setup, receipts: dict[str, bytes]) -> list[str]:
    bad = importlib.import_module("rooms.agents.invoice_bad_day").BadDay(setup.seed)
    receipt = importlib.import_module("rooms.contracts.invoice").Receipt
    late = sum(bad.times_out(receipt.model_validate_json(value), 1) for value in receipts.values())
    down = sum(bad.is_down(name) for name in receipts)
    return [
        f"the model behind extract takes {bad.quickest_s:g} to {bad.slowest_s:g} s, and times out on poor scans: "
        f"{bad.doubted:g} times its doubt is how likely, drawn afresh for each attempt (seed {setup.seed}): "
        f"{late} of {len(receipts)} first attempts",
        f"the register of purchase orders is down for {bad.register_down:.0%} of the receipts: {down}",
        "a reference whose supplier's name is not exactly an order's is a failure, and so is a total that cannot be "
        "read or trusted; the receipts bring both with them",
    ]


def _report(stage: Stage, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    ended = {side: {one.case_id: one.outcome for one in stage.ended(side)} for side in SIDES}
    finished = {side: {name for name, outcome in ended[side].items() if outcome == COMPLETED} for side in SIDES}
    count = len(stage.paces[FULL].at)
    share = {side: len(finished[side]) / count for side in SIDES}
    mean = {side: _mean(list(stage.latencies(side).values())) for side in SIDES}
    late: dict[str, int] = dict(map(tuple, stage.rows(LATE_SQL)))
    outcomes = {side: Counter(ended[side].values()) for side in SIDES}
    rows = [
        (
            what,
            count,
            len(finished[side]),
            f"{share[side]:.1%}",
            outcomes[side]["escalated"],
            outcomes[side]["dead_lettered"],
            late.get(side, 0),
            round(1000 * mean[side]),
        )
        for side, what in SIDES.items()
    ]
    columns = ("score", "receipts", "finished", "share", "manual queue", "dead letters", "late attempts", "mean ms")
    waiting = outcomes[FULL]["escalated"]
    spread = SIGMAS * math.sqrt(NAIVE * (1 - NAIVE) / count)
    checks = [
        *accounted,
        Check(
            f"without patterns about {NAIVE:.0%} finish",
            abs(share[BARE] - NAIVE) <= spread,
            f"{share[BARE]:.1%} (chance makes {spread:.1%} either way of {count} receipts)",
        ),
        Check(f"with all five patterns at least {AT_LEAST:.0%} do", share[FULL] >= AT_LEAST, f"{share[FULL]:.1%}"),
        Check(
            "and the rest waits in the manual queue",
            len(finished[FULL]) + waiting == count,
            f"{waiting} wait, {count - len(finished[FULL]) - waiting} ended otherwise",
        ),
        Check(
            f"in at most {MORE_TIME - 1:.0%} more mean time",
            mean[FULL] <= MORE_TIME * mean[BARE],
            f"{mean[FULL] * 1000:.0f} ms, {mean[FULL] / max(1e-9, mean[BARE]) - 1:+.1%} "
            "(publication to outcome, cases that fail included)",
        ),
    ]
    groups = [(what, (100 * share[side],)) for side, what in SIDES.items()]
    title = "Receipts that finish on a bad day"
    return Report(
        faults,
        [Figures("How the receipts ended", columns, rows), _saved(stage, finished, ended)],
        checks,
        Bars(title, "%", ("finished",), groups),
    )


def _saved(stage: Stage, finished: dict[str, set[str]], ended: dict[str, dict[str, str]]) -> Figures:
    """Which pattern made the difference, case by case."""
    saved: Counter[str] = Counter()
    for name, retried, handed_over, degraded in stage.rows(PATTERNS_SQL, workflow=FULL):
        if name in finished[FULL] and name not in finished[BARE]:
            used = {"retry": retried, "fallback": handed_over, "degrade": degraded}
            saved[" + ".join(pattern for pattern, was in used.items() if was) or "none of them"] += 1
    outcomes = Counter(outcome for outcome in ended[FULL].values())
    rows = [(pattern, "finished, and had not without it", count) for pattern, count in saved.most_common()]
    rows += [
        ("manual queue", "waits for a person, with evidence", outcomes["escalated"]),
        ("dead letter", "kept byte for byte, to be sent back", outcomes["dead_lettered"]),
    ]
    return Figures("Which pattern saved how many", ("pattern", "what became of them", "cases"), rows, words=2)


def _mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))


PATTERNS_SQL = """
SELECT case_id,
       bool_or(attempts > 1 AND failure_reason = 'ok' AND degraded IS NULL),
       bool_or(route LIKE 'to:%%'),
       bool_or(degraded IS NOT NULL)
FROM case_turns
WHERE namespace = %(namespace)s AND workflow = %(workflow)s AND kind = 'turn'
GROUP BY case_id
"""

LATE_SQL = """
SELECT workflow, sum(
    (SELECT count(*) FROM jsonb_array_elements(tries) AS tried WHERE tried ->> 0 = 'latency_blow')
    + (coalesce(degraded, failure_reason) = 'latency_blow')::int
)::int
FROM case_turns WHERE namespace = %(namespace)s AND kind = 'turn' GROUP BY workflow
"""

DRILL = Drill(
    name="success-rate",
    summary="A chain of agents finishes 78 % of its receipts on a bad day, and 96 % with the five patterns.",
    teaches="Real receipts go through the agents of the invoice workflow on a day when the OCR times out on poor "
    "scans, references do not match exactly, and the register of orders is down: once without patterns (every failure "
    "ends the case), and beside it with retry, fallback, degrade, the manual queue and dead letters. Both meet the "
    "same faults.",
    cases=ALL,
    cases_are="How many of the receipts.",
    fewest=20,
    sabotage="the side with all patterns gets none",
    rooms=rooms,
    play=play,
)
