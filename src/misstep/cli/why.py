"""`misstep why`"""

from __future__ import annotations

from typing import Annotated

import typer

from misstep.cli.options import AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.errors import AnswerIsNo, ServerUnreachable
from misstep.store.story import as_json as story_json
from misstep.store.story import tell
from misstep.store.why import case_story

app = typer.Typer(add_completion=False)


@app.command()
def why(
    case: Annotated[str, typer.Argument(help="The case's id.")],
    epoch: Annotated[int | None, typer.Option(min=0, help="One life of the case; default: all.")] = None,
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="In one workflow; default: all.")] = None,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Tell how a case got where it is, and prove it.

    Every state version with its reason, attempts, evidence and hash. Each event is read back from Kafka and its hash
    computed again, so a record that was altered is found: exit code 1.

    Example: [bold]misstep why sroie-617[/bold]
    """
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    dsn = env.dsn
    try:
        bootstrap: str | None = env.bootstrap
    except ServerUnreachable:
        bootstrap = None  # the story is told all the same, and says that nothing was read back
    story = case_story(dsn, env.settings.namespace, case, epoch=epoch, workflow=workflow, bootstrap_servers=bootstrap)
    if as_json:
        print_json(story_json(story))
    else:
        tell(story, console())
    if not story.chain_holds:
        raise typer.Exit(AnswerIsNo.exit_code)
