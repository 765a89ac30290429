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

CALM: Final = f"{WORKFLOW}_calm"
"""All patterns on an ordinary day: what finishes at all."""
BARE: Final = f"{WORKFLOW}_bare"
"""A bad day, and no patterns."""
FULL: Final = WORKFLOW
"""The same bad day, and all patterns."""
SIDES: Final = {
    CALM: "nothing goes wrong",
    BARE: "a bad day without patterns",
    FULL: "the same day with all five",
}
PER_SECOND = 30.0
NAIVE = 0.78
SIGMAS = 3.3
AT_LEAST = 0.96
MORE_TIME = 1.15


def rooms(env: DrillEnvironment) -> Project:
    """The repository's agents under three scores."""
    project = invoice_project(env)
    setup = env.setup
    score = importlib.import_module("rooms.saga.drills.success_rate").score
    bad_day = importlib.import_module("rooms.agents.invoice_bad_day").BadDay
    bad = bad_day(setup.seed)
    full = score(FULL, bad)
    scores = {
        CALM: score(CALM, replace(bad, doubted=0.0, register_down=0.0)),
        BARE: without_patterns(full, BARE),
        FULL: without_patterns(full, FULL) if setup.sabotage else full,
    }
    return replace(project, choreographies=scores)


def play(stage: Stage) -> Report:
    """The same receipts three times: on an ordinary day, and on a bad one without and with patterns."""
    setup = stage.setup
    receipts = read_receipts(stage.env.project.root, setup.cases)
    faults = _faults(stage, setup, receipts)
    for line in faults:
        stage.say(f"Faults on purpose: {line}")
    for workflow, what in SIDES.items():
        stage.say(f"{len(receipts)} receipts: {what}")
        pace = stage.pace(workflow)
        with stage.running(workflow, INVOICE_FAULTS=""):
            pace.publish(receipts.items(), PER_SECOND)
            stage.await_all(workflow)
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
        "references that do not match an order to the letter are failures; the receipts bring them with them",
    ]


def _report(stage: Stage, faults: list[str]) -> Report:
    accounted = stage.accounted_for()
    ended = {side: {one.case_id: one.outcome for one in stage.ended(side)} for side in SIDES}
    able = {name for name, outcome in ended[CALM].items() if outcome == COMPLETED}
    finished = {side: {name for name in able if ended[side].get(name) == COMPLETED} for side in SIDES}
    share = {side: len(finished[side]) / max(1, len(able)) for side in SIDES}
    mean = {side: _mean([span for name, span in stage.latencies(side).items() if name in able]) for side in SIDES}
    rows = []
    for side, what in SIDES.items():
        outcomes = Counter(ended[side].values())
        rows.append(
            (
                what,
                len(ended[side]),
                outcomes[COMPLETED],
                outcomes["escalated"],
                outcomes["dead_lettered"],
                f"{outcomes[COMPLETED] / max(1, len(ended[side])):.1%}",
                f"{share[side]:.1%}",
                round(1000 * mean[side]),
            )
        )
    columns = ("", "cases", "finished", "manual queue", "dead", "of all", f"of the {len(able)}", "mean ms")
    queued = {name for name in able if ended[FULL].get(name) == "escalated"}
    spread = SIGMAS * math.sqrt(NAIVE * (1 - NAIVE) / max(1, len(able)))
    checks = [
        *accounted,
        Check(
            f"without patterns about {NAIVE:.0%} finish, of those that finish when nothing goes wrong",
            abs(share[BARE] - NAIVE) <= spread,
            f"{share[BARE]:.1%} (chance alone makes {spread:.1%} either way of {len(able)} cases)",
        ),
        Check(f"with all five patterns at least {AT_LEAST:.0%} do", share[FULL] >= AT_LEAST, f"{share[FULL]:.1%}"),
        Check(
            "and the rest waits in the manual queue",
            finished[FULL] | queued == able,
            f"{len(queued)} wait, {len(able - finished[FULL] - queued)} ended otherwise",
        ),
        Check(
            f"in at most {MORE_TIME - 1:.0%} more mean time",
            mean[FULL] <= MORE_TIME * mean[BARE],
            f"{mean[FULL] * 1000:.0f} ms, {mean[FULL] / max(1e-9, mean[BARE]) - 1:+.1%} "
            "(publication to outcome, cases that fail included)",
        ),
    ]
    groups = [(what, (100 * share[side],)) for side, what in SIDES.items()]
    title = f"Receipts that finish, of the {len(able)} that can"
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

DRILL = Drill(
    name="success-rate",
    summary="A chain of agents finishes 78 % of its receipts on a bad day, and 96 % with the five patterns.",
    teaches="Real receipts go through the agents of the invoice workflow on a day when the OCR times out on poor "
    "scans, references do not match exactly, and the register of orders is down: once without patterns (every failure "
    "ends the case), once with retry, fallback, degrade, the manual queue and dead letters. Shares are of the receipts "
    "that finish when nothing goes wrong: the others go to a person on any day, as no total on them can be trusted.",
    cases=ALL,
    cases_are="How many of the receipts.",
    fewest=20,
    sabotage="the side with all patterns gets none",
    rooms=rooms,
    play=play,
)
