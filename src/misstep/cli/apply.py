"""`misstep apply`"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from misstep.bus.provision import Change
from misstep.cli.applying import apply as apply_to
from misstep.cli.options import AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.show import print_json
from misstep.cli.surroundings import surroundings
from misstep.logs import configure_logs

app = typer.Typer(add_completion=False)

DONE = {
    "create topic": "created topic",
    "set topic config": "set on topic",
    "publish contract": "published contract",
    "apply migration": "applied migration",
    "add failure reason": "added failure reason",
}


@app.command()
def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be changed.")] = False,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Make topics, contracts and tables as the project declares them.

    Topics of every workflow, contracts in {namespace}.contracts, the audit's migrations and the project's own
    (migrations/<workflow>/*.sql). Safe to call again: what is as it should be is left alone. Topics are made with
    MISSTEP_PARTITIONS partitions: 2 on the embedded broker, 6 elsewhere, if it is not set.

    Example: [bold]misstep apply --dry-run[/bold]
    """
    configure_logs("error")  # a client that tries again is no news; what fails is raised
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    done = apply_to(env, dry_run=dry_run, say=lambda change: None if as_json else _say(change, dry_run))
    if as_json:
        print_json({"dry_run": dry_run, "changes": [asdict(change) for change in done.changes]})
        return
    whole = f"{done.topics} topics, {done.contracts} contracts, {done.migrations} migrations"
    if not done.changes:
        print(f"Nothing to do: {whole} are as they should be in namespace {env.settings.namespace}.")
    elif not dry_run:
        print(f"Namespace {env.settings.namespace} has {whole}. Next: misstep run")


def _say(change: Change, dry_run: bool) -> None:
    did = f"would {change.what}" if dry_run else DONE.get(change.what, change.what)
    print(f"{did} {change.name}" + (f" ({change.detail})" if change.detail else ""))
