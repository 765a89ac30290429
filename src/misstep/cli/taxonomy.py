"""`misstep taxonomy`"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from misstep.agents.duration import duration_ms
from misstep.cli.options import AsJson, Namespace, Postgres, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.cli.taxonomy_comparison import comparison_json, comparison_table, rates_table, read_dimensions, sentence
from misstep.contracts.failure import reason_named
from misstep.errors import UsageError
from misstep.store.taxonomy import Share, Taxonomy
from misstep.store.taxonomy import taxonomy as count_turns
from misstep.store.taxonomy_compare import COMPARED_BY, compare

app = typer.Typer(add_completion=False)
LONGEST = timedelta(days=100 * 365)


@app.command()
def taxonomy(
    since: Annotated[
        str, typer.Option(metavar="DURATION", help="How far back to count, as in 90m, 24h or 7d.")
    ] = "24h",
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="One workflow; default: all.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIMENSION", help="Failures per turn by agent, build, reason, workflow; several with commas."
        ),
    ] = None,
    against_before: Annotated[
        bool,
        typer.Option(
            "--compare", help="Against the period of the same length before: what got worse, and the culprit."
        ),
    ] = False,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Count what went wrong, by reason and agent.

    One GROUP BY over the audit. A failure is counted once, where it happened; an `ok` that only a neutral default made
    possible is shown as degraded. With --compare it counts as a failure, and what got worse by more than chance would
    explain is named: the agent, its build, and whose versions it failed on.

    Example: [bold]misstep taxonomy --since 1h --workflow invoice[/bold]  or  [bold]misstep taxonomy --since 1h
    --compare[/bold]
    """
    span_ms = duration_ms(since, what="--since")
    if span_ms > LONGEST / timedelta(milliseconds=1):
        raise UsageError(f"--since {since!r} is longer than {LONGEST.days // 365} years; give a shorter one.")
    span = timedelta(milliseconds=span_ms)
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    if workflow is not None:
        env.plan(workflow)
    if by or against_before:
        dimensions = read_dimensions(by or []) or COMPARED_BY
        compared = compare(env.dsn, env.settings.namespace, span, workflow, dimensions)
        if as_json:
            print_json(comparison_json(compared, with_before=against_before))
            return
        if against_before and compared.changes:
            console().print(comparison_table(compared, since))
        elif not against_before and compared.turns:
            console().print(rates_table(compared, since))
        if against_before or not compared.turns:
            print(sentence(compared, since))
        return
    counted = count_turns(env.dsn, env.settings.namespace, span, workflow)
    if as_json:
        print_json(taxonomy_json(counted))
        return
    if not counted.total:
        print(f"No turn was recorded in namespace {counted.namespace} in the last {since}.")
        return
    for table in taxonomy_tables(counted):
        console().print(table)


def taxonomy_tables(counted: Taxonomy) -> list[Table]:
    """What the counts say, for a person: by reason, then by agent, then what was degraded."""
    heading = f"Failure taxonomy of {counted.namespace}: {counted.failed} of {counted.total} state versions failed"
    by_reason = Table("failure reason", title=heading, title_justify="left")
    by_reason.add_column("state versions", justify="right")
    by_reason.add_column("of all", justify="right")
    by_reason.add_column("meaning")
    for reason, share in counted.reasons().items():
        colour = "green" if reason == "ok" else "red"
        by_reason.add_row(
            f"[{colour}]{reason}", str(share.count), f"{share.share:.1%}", reason_named(reason).meaning, style=""
        )
    tables = [by_reason]
    if counted.failed:
        by_agent = Table("agent", "failure reason", title="Where they happened", title_justify="left")
        by_agent.add_column("failures", justify="right")
        by_agent.add_column("of its turns", justify="right")
        turns = {row.agent: 0 for row in counted.rows}
        for row in counted.rows:
            turns[row.agent] += row.count
        for (agent, reason), share in counted.by_agent().items():
            by_agent.add_row(agent, reason, str(share.count), f"{share.count / turns[agent]:.1%}")
        tables.append(by_agent)
    if counted.degraded():
        degraded = Table("agent", "instead of", title="Went on with a neutral default", title_justify="left")
        degraded.add_column("turns", justify="right")
        for (agent, reason), share in counted.degraded().items():
            degraded.add_row(agent, reason, str(share.count))
        tables.append(degraded)
    return tables


def taxonomy_json(counted: Taxonomy) -> dict[str, Any]:
    """The counts for a program."""
    return {
        "namespace": counted.namespace,
        "workflow": counted.workflow,
        "since_seconds": counted.since.total_seconds(),
        "state_versions": counted.total,
        "failed": counted.failed,
        "reasons": {reason: asdict(share) for reason, share in counted.reasons().items()},
        "by_agent": _pairs(counted.by_agent(), "failure_reason"),
        "degraded": _pairs(counted.degraded(), "instead_of"),
        "by_build": [
            {"build": build, "failure_reason": reason, **asdict(share)}
            for (build, reason), share in counted.by_build().items()
        ],
    }


def _pairs(shares: Mapping[tuple[str, str], Share], second: str) -> list[dict[str, Any]]:
    return [{"agent": agent, second: reason, **asdict(share)} for (agent, reason), share in shares.items()]
