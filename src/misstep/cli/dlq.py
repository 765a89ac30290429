"""`misstep dlq ls`, `show`, `group`"""

from __future__ import annotations

from typing import Annotated

import typer

from misstep.cli.dlq_text import group_json, group_table, letter_json, line_json, lines_table, tell_letter
from misstep.cli.letter_options import (
    AgentName,
    AllLetters,
    CaseId,
    Fingerprint,
    Limit,
    ReasonName,
    Since,
    WorkflowName,
    selection_of,
)
from misstep.cli.options import AsJson, Namespace, Postgres, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.contracts import LocalSchemas
from misstep.dlq.chosen import letter_named
from misstep.store.connect import asking
from misstep.store.letters import group_letters, list_letters, outcomes_since

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Look through dead letters, and put them away.\n\n"
    "A dead letter is a message that exhausted its routes, kept byte for byte with its reason and its origin. What is "
    "to be sent again goes through `misstep redrive`; what is not is discarded, with a reason. Nothing is deleted.\n\n"
    "Example: [bold]misstep dlq group && misstep dlq ls --reason schema_invalid --since 24h[/bold]",
)


@app.command()
def ls(
    workflow: WorkflowName = None,
    agent: AgentName = None,
    reason: ReasonName = None,
    fingerprint: Fingerprint = None,
    case: CaseId = None,
    since: Since = None,
    all_letters: AllLetters = False,
    limit: Limit = 50,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """List the dead letters that wait, the newest first.

    Example: [bold]misstep dlq ls --workflow invoice --reason schema_invalid --since 24h[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    wanted = selection_of(
        env, workflow=workflow, agent=agent, reason=reason, fingerprint=fingerprint, case=case, since=since,
        closed=all_letters,
    )  # fmt: skip
    with asking(env.dsn) as connection:
        lines, count = list_letters(connection, wanted, limit)
    if as_json:
        print_json({"letters": [line_json(one, env.project.letters_of(one.workflow)) for one in lines], "count": count})
        return
    if not lines:
        print(f"No dead letter {'is there' if all_letters else 'waits'} in namespace {wanted.namespace}.")
        return
    console().print(lines_table(lines, env.project))
    if count > len(lines):
        print(f"{len(lines)} of {count}: --limit shows more, `misstep dlq group` shows them together.")


@app.command()
def group(
    workflow: WorkflowName = None,
    agent: AgentName = None,
    reason: ReasonName = None,
    since: Since = None,
    all_letters: AllLetters = False,
    limit: Limit = 50,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Group the dead letters that are alike, the largest group first.

    Alike are letters of one agent and reason whose details differ in numbers, ids and quoted words alone.

    Example: [bold]misstep dlq group --since 24h[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    wanted = selection_of(env, workflow=workflow, agent=agent, reason=reason, since=since, closed=all_letters)
    with asking(env.dsn) as connection:
        groups, count = group_letters(connection, wanted, limit)
    if as_json:
        print_json(
            {"groups": [group_json(one, env.project.letters_of(one.workflow)) for one in groups], "count": count}
        )
        return
    if not groups:
        print(f"No dead letter {'is there' if all_letters else 'waits'} in namespace {wanted.namespace}.")
        return
    console().print(group_table(groups, env.project))
    if count > len(groups):
        print(f"{len(groups)} of {count} groups; --limit shows more.")
    first = groups[0]
    print(f"Next: misstep dlq show {first.example}, or misstep redrive plan --fingerprint {first.fingerprint}")


@app.command()
def show(
    letter: Annotated[int, typer.Argument(metavar="ID", help="The letter's number, as `dlq ls` shows it.")],
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: message, origin, what was done with it, and what to do next.

    Example: [bold]misstep dlq show 12[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    assert env.project
    with asking(env.dsn) as connection:
        found = letter_named(connection, env.settings.namespace, letter)
        outcomes = outcomes_since(connection, found, env.settings.namespace)
    room = env.project.letters_of(found.workflow)
    if as_json:
        print_json(letter_json(found, room, outcomes, LocalSchemas()))
    else:
        tell_letter(found, room, outcomes, LocalSchemas(), console())
