"""What `misstep taxonomy --compare` and `--by` show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from misstep.errors import UsageError
from misstep.store.taxonomy_compare import DIMENSIONS, Change, Comparison, Culprit, Dimension, Rate

SHOWN_MAX = 30
_HEADINGS = {"workflow": "workflow", "agent": "agent", "build": "build", "reason": "failure reason"}


def read_dimensions(given: list[str]) -> tuple[Dimension, ...]:
    """What --by names, several times or with commas between. UsageError for what is none."""
    asked = [name.strip() for one in given for name in one.split(",") if name.strip()]
    for name in asked:
        if name not in DIMENSIONS:
            raise UsageError(f"--by {name!r} is none of {', '.join(DIMENSIONS)}.")
    return tuple(dimension for dimension in DIMENSIONS if dimension in asked)


def comparison_table(compared: Comparison, since: str) -> Table:
    """The groups of turns, worst first."""
    title = (
        f"The last {since} ({compared.turns} turns) against the {since} before ({compared.turns_before} turns), "
        f"in {compared.namespace}"
    )
    table = Table(*(_HEADINGS[dimension] for dimension in compared.by), title=title, title_justify="left")
    for heading in ("before", "now", "change"):
        table.add_column(heading, justify="right")
    for change in compared.changes[:SHOWN_MAX]:
        colour = "red" if change.stands_out else "default"
        worse = f"{change.worse_by * 100:+.1f} points"
        table.add_row(
            *(change.group[dimension] or "(not said)" for dimension in compared.by),
            _shown(change.before),
            _shown(change.now),
            f"[bold {colour}]{worse}[/]" if change.stands_out else worse,
        )
    return table


def rates_table(compared: Comparison, since: str) -> Table:
    """One period alone: how often each group of turns failed."""
    title = f"The last {since} in {compared.namespace}: {compared.turns} turns"
    table = Table(*(_HEADINGS[dimension] for dimension in compared.by), title=title, title_justify="left")
    table.add_column("failed", justify="right")
    table.add_column("of its turns", justify="right")
    for change in _failed_now(compared):
        named = (change.group[dimension] or "(not said)" for dimension in compared.by)
        table.add_row(*named, str(change.now.failed), f"{change.now.rate:.1%}")
    return table


def sentence(compared: Comparison, since: str) -> str:
    """What the comparison comes to."""
    if not compared.turns:
        return f"No turn was recorded in namespace {compared.namespace} in the last {since}."
    if not compared.turns_before:
        return f"No turn was recorded in the {since} before, so there is nothing to compare with."
    if compared.culprit is None:
        return "Nothing got worse by more than chance would explain."
    return culprit_sentence(compared.culprit)


def culprit_sentence(culprit: Culprit) -> str:
    """Who it is, in one sentence."""
    build = f" under build {culprit.build}" if culprit.build else ""
    change = culprit.change
    said = (
        f"{culprit.workflow}/{culprit.agent}{build} comes to {culprit.reason} in {_of(change.now)} of its turns, "
        f"{_of(change.before)} before"
    )
    maker = culprit.maker
    if maker is None:
        return f"The culprit is {said}."
    made_under = f" under build {maker.group['build']}" if maker.group["build"] else ""
    return (
        f"The culprit is {culprit.workflow}/{maker.group['agent']}{made_under}: {said}; of what that agent made, "
        f"it is {_of(maker.now)}, {_of(maker.before)} before."
    )


def comparison_json(compared: Comparison, *, with_before: bool) -> dict[str, Any]:
    """The comparison for a program."""
    head = {
        "namespace": compared.namespace,
        "workflow": compared.workflow,
        "since_seconds": compared.since.total_seconds(),
        "by": list(compared.by),
        "turns": compared.turns,
    }
    if not with_before:
        return {**head, "groups": [{**change.group, **_rate(change.now)} for change in _failed_now(compared)]}
    return {
        **head,
        "turns_before": compared.turns_before,
        "changes": [_change(change) for change in compared.changes],
        "culprit": None if compared.culprit is None else _culprit(compared.culprit),
    }


def _failed_now(compared: Comparison) -> list[Change]:
    failed = [change for change in compared.changes if change.now.failed]
    return sorted(failed, key=lambda change: (-change.now.failed, *change.group.values()))


def _culprit(culprit: Culprit) -> dict[str, Any]:
    return {
        "workflow": culprit.workflow,
        "agent": culprit.maker.group["agent"] if culprit.maker else culprit.agent,
        "build": culprit.maker.group["build"] if culprit.maker else culprit.build,
        "seen_by": {"agent": culprit.agent, "build": culprit.build, "reason": culprit.reason},
        "change": _change(culprit.change),
        "made": None if culprit.maker is None else _change(culprit.maker),
        "sentence": culprit_sentence(culprit),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        **{str(name): value for name, value in change.group.items()},
        "before": _rate(change.before),
        "now": _rate(change.now),
        "worse_by": change.worse_by,
        "chance": change.chance,
        "stands_out": change.stands_out,
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {**asdict(rate), "rate": rate.rate}


def _shown(rate: Rate) -> str:
    return f"{rate.rate:.1%} ({rate.failed} of {rate.turns})" if rate.turns else "no turns"


def _of(rate: Rate) -> str:
    return f"{rate.rate:.1%} ({rate.failed} of {rate.turns})" if rate.turns else "none (no turns)"
