"""`misstep kill`"""

from __future__ import annotations

import typer

from misstep.cli.marking import By, Case, InWorkflow, Reason, Wait, mark_and_wait
from misstep.cli.options import AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.surroundings import surroundings

app = typer.Typer(add_completion=False)


@app.command()
def kill(
    case: Case,
    reason: Reason,
    actor: By = None,
    workflow: InWorkflow = None,
    wait: Wait = 15,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """End a running case as it stands, without undoing anything.

    A turn that is running ends; the next one does not begin, and the case ends `cancelled`. What it has done stays
    done: see `misstep why CASE` for what that is. To have it undone, write `misstep cancel` instead.

    Example: [bold]misstep kill sroie-617 --reason "settled by hand"[/bold]
    """
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    mark_and_wait(env, "kill", case, workflow=workflow, actor=actor, reason=reason, wait_s=wait, as_json=as_json)
