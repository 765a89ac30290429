"""`misstep dlq ls`, `group`, `show`, `discard`, `expire`"""

from __future__ import annotations

from typing import Annotated

import typer

from misstep.bus.provision import connect as connect_kafka
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.dlq_text import group_json, group_table, letter_json, line_json, lines_table, tell_letter
from misstep.cli.letter_options import (
    WHICH,
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
from misstep.cli.options import ActorName, ActorReason, AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.contracts import LocalSchemas
from misstep.dlq.actor import Actor
from misstep.dlq.chosen import letter_named, letters_named
from misstep.dlq.putting_away import discard as put_away
from misstep.dlq.putting_away import expire as expire_letters
from misstep.errors import AnswerIsNo, UsageError
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


@app.command()
def discard(
    actor: ActorName,
    reason: ActorReason,
    letters: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Letters by their numbers.")] = None,
    workflow: WorkflowName = None,
    agent: AgentName = None,
    failure: Annotated[
        str | None, typer.Option(metavar="NAME", help="With one failure reason.", rich_help_panel=WHICH)
    ] = None,
    fingerprint: Fingerprint = None,
    case: CaseId = None,
    since: Since = None,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Mark letters as not to be sent again. Nothing is deleted.

    They leave the listings (`dlq ls --all` has them), and who discarded them and why stands in their trail. Exit code 1
    when one could not be discarded.

    Example: [bold]misstep dlq discard --fingerprint 53dd738814f8e6e6 --actor ann --reason 'test data'[/bold]
    """
    who = Actor.of(actor, reason)
    chosen = (letters, workflow, agent, failure, fingerprint, case, since)
    if not any(chosen):
        raise UsageError("Say which letters are to be discarded: their numbers, or options such as --fingerprint.")
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    wanted = selection_of(
        env, workflow=workflow, agent=agent, reason=failure, fingerprint=fingerprint, case=case, since=since,
        ids=letters or (),
    )  # fmt: skip
    connect_kafka(env.bootstrap, KAFKA_PATIENCE_S)
    with asking(env.dsn) as connection:
        if wanted.ids:
            letters_named(connection, wanted.namespace, wanted.ids)
        done = put_away(connection, env.bootstrap, wanted, who)
    if as_json:
        print_json({"discarded": done.letters, "not": [{"letter": one, "why": why} for one, why in done.not_those]})
    else:
        for number, why in done.not_those:
            print(f"Letter {number} was not discarded: {why}.")
        count = len(done.letters)
        print(f"{count} letter{'' if count == 1 else 's'} discarded; `misstep dlq ls --all` still shows them.")
    if done.not_those or not done.letters:
        raise typer.Exit(AnswerIsNo.exit_code)


@app.command()
def expire(
    actor: ActorName,
    reason: ActorReason,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Remove the bytes of letters that were kept as long as dlq/ says.

    `DeadLetters("invoice", keep="90d")` says how long; Kafka's own copy goes by the topic's retention, which `misstep
    apply` sets to the same. What is known of a letter (reason, origin, trail) stays; its key, value and headers go.

    Example: [bold]misstep dlq expire --actor ann --reason 'the monthly clean-up'[/bold]
    """
    who = Actor.of(actor, reason)
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    keep = {name: room.keep_ms for name, room in env.project.dead_letters.items() if room.keep_ms is not None}
    if not keep:
        raise AnswerIsNo(
            f"{env.project.root}/dlq says of no workflow how long letters are kept; write "
            'DeadLetters("invoice", keep="90d").'
        )
    connect_kafka(env.bootstrap, KAFKA_PATIENCE_S)
    with asking(env.dsn) as connection:
        done = expire_letters(connection, env.bootstrap, env.settings.namespace, keep, who)
    if as_json:
        print_json({"emptied": done.letters})
    else:
        print(f"The bytes of {len(done.letters)} letters were removed; what is known of them stays.")
