"""What a demo shows at its end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from rich.console import Console

from misstep.cli.demo.stage import WORKFLOW, DemoRun
from misstep.cli.outcome_summary import COMPLETED, outcome_json, outcome_table, percentile
from misstep.cli.taxonomy import taxonomy_json, taxonomy_tables
from misstep.composition import Environment
from misstep.store.story import tell
from misstep.store.taxonomy import Taxonomy, taxonomy
from misstep.store.why import case_story

SINCE = timedelta(days=1)


def print_report(run: DemoRun, env: Environment, out: Console, command: str, *, hold: bool) -> None:
    """Outcomes, books, taxonomy, one case's story, latencies, and what to type next."""
    out.print()
    out.print(outcome_table(run.ended, len(run.books.without_outcome)))
    out.print(_books(run))
    out.print()
    for table in taxonomy_tables(_taxonomy(run, env)):
        out.print(table)
    out.print()
    failed = telling_case(run)
    if failed is not None:
        out.print(f"[bold]$ misstep why {failed}")
        tell(case_story(env.dsn, run.namespace, failed, bootstrap_servers=env.bootstrap), out)
        out.print()
    every, undisturbed = latencies(run), latencies(run, without=faulted(run))
    out.print(
        f"From publish to outcome: p50 {_span(percentile(every, 0.5))}, p99 {_span(percentile(every, 0.99))} over all "
        f"{len(every)} cases; p50 {_span(percentile(undisturbed, 0.5))}, p99 {_span(percentile(undisturbed, 0.99))} "
        f"over the {len(undisturbed)} that met no fault."
    )
    out.print()
    for line in next_steps(run, command, failed or next(iter(run.sent.at)), hold=hold):
        out.print(line, markup=False)


def demo_json(run: DemoRun, env: Environment) -> dict[str, Any]:
    """The same for a program."""
    every, undisturbed = latencies(run), latencies(run, without=faulted(run))
    return {
        "namespace": run.namespace,
        "messages": run.sent.messages,
        "cases": len(run.sent.at),
        "faults": {**run.made.faults, "slow model": list(run.wired.slow), "orders down": run.wired.orders_down},
        "outcomes": outcome_json(run.ended),
        "accounted_for": run.books.balance,
        "books": asdict(run.books),
        "audit_complete": run.audited,
        "taxonomy": taxonomy_json(_taxonomy(run, env)),
        "why": telling_case(run),
        "seconds_to_outcome": {
            "p50": percentile(every, 0.5),
            "p99": percentile(every, 0.99),
            "undisturbed_p50": percentile(undisturbed, 0.5),
            "undisturbed_p99": percentile(undisturbed, 0.99),
        },
        "seconds": run.seconds,
    }


def faulted(run: DemoRun) -> set[str]:
    """Cases that a fault was aimed at, and those that some agent could not complete."""
    aimed = {receipt for receipts in run.made.faults.values() for receipt in receipts} | set(run.wired.slow)
    return aimed | {
        one.case_id for one in run.ended if one.outcome != COMPLETED or one.case_id not in run.made.receipts
    }


def latencies(run: DemoRun, without: Collection[str] = ()) -> list[float]:
    """Seconds from publication to when the outcome could be read."""
    return [
        one.seen_at - run.sent.at[one.case_id]
        for one in run.ended
        if one.case_id in run.sent.at and one.case_id not in without
    ]


def telling_case(run: DemoRun) -> str | None:
    """A case whose story shows most: one that was handed over before it failed; None when all were completed."""
    failed = {one.case_id: one for one in run.ended if one.outcome != COMPLETED}
    stripped = next((ids[0] for what, ids in run.made.faults.items() if "without any sum" in what), None)
    return stripped if stripped in failed else next(iter(failed), None)


def next_steps(run: DemoRun, command: str, case: str, *, hold: bool) -> list[str]:
    """What to type next."""
    at = f"--namespace {run.namespace}"
    if hold:
        return [
            "Everything goes on running; Ctrl-C stops it. In another terminal:",
            f"  {command} why {case} {at}",
            f"  {command} taxonomy {at}",
            f"  {command} publish {WORKFLOW} examples/receipts.jsonl --id-field receipt_id --wait {at}",
        ]
    return [
        "Next:",
        f"  {command} matrix show                 what happens on each failure, as it is declared",
        f"  {command} demo --hold                 the same, and leave everything running",
        f"  {command} up && {command} why {case} {at}",
        f"  {command} new my-project              a workflow of your own",
    ]


def _books(run: DemoRun) -> str:
    books = run.books
    if books.balance:
        return (
            f"[green]Accounted for:[/green] {run.sent.messages} messages are {len(run.sent.at)} cases, and each has "
            "exactly one outcome."
        )
    return (
        f"[bold red]Not accounted for:[/bold red] {len(books.without_outcome)} cases without an outcome, "
        f"{len(books.with_several)} with several, {len(books.never_published)} that were never published "
        f"({', '.join((books.without_outcome + books.with_several + books.never_published)[:5])})."
    )


def _taxonomy(run: DemoRun, env: Environment) -> Taxonomy:
    return taxonomy(env.dsn, run.namespace, SINCE)


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
