"""`misstep cancel`"""

from __future__ import annotations

import typer

from misstep.cli.marking import By, Case, InWorkflow, Reason, Wait, mark_and_wait
from misstep.cli.options import AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.surroundings import surroundings

app = typer.Typer(add_completion=False)


@app.command()
def cancel(
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
    """Take a running case back.

    A turn that is running ends; the next one does not begin. What the case has done is undone, in reverse order, and
    it ends `cancelled`. A case that comes to its own end first stays as it is: exit code 1.

    Example: [bold]misstep cancel sroie-617 --reason "sent by mistake"[/bold]
    """
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    mark_and_wait(env, "cancel", case, workflow=workflow, actor=actor, reason=reason, wait_s=wait, as_json=as_json)
