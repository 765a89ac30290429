"""`misstep redrive plan`, `replay`, `ls`, `show`, `abandon`"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from misstep.agents.dependency_limits import read_rate
from misstep.agents.duration import duration_ms
from misstep.bus.ops import ops_record, write_ops
from misstep.bus.provision import connect as connect_kafka
from misstep.bus.recall import EventReader
from misstep.bus.registry import KafkaSchemas
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.letter_options import (
    AgentName,
    CaseId,
    Fingerprint,
    ReasonName,
    Since,
    WorkflowName,
    selection_of,
)
from misstep.cli.options import ActorName, ActorReason, AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.redrive_text import plan_json, plans_table, replay_json, tell_plan, tell_replay
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.composition import Environment
from misstep.dlq.actor import Actor
from misstep.dlq.assess import Assessor
from misstep.dlq.chosen import letters_named
from misstep.dlq.planning import make_plan
from misstep.dlq.replaying import Pace, Replay, Replayed
from misstep.dlq.staleness import stale
from misstep.dlq.whats_sent import abandon as abandon_plan
from misstep.dlq.whats_sent import alone
from misstep.errors import AnswerIsNo, UsageError
from misstep.store.connect import Connection, asking
from misstep.store.letters import Selection, workflows_of
from misstep.store.redrive_plans import StoredPlan, counts_of, find_plan, list_plans

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Send dead letters back to the agents that failed.\n\n"
    "First a plan: which letters, mended by which repair, and which of them their agents would accept today; nothing "
    "is sent. Then its replay: a canary, then the rest at a pace, each letter once, into the failing agent's inbox, "
    "where the case goes on in a new epoch.\n\n"
    "Example: [bold]misstep redrive plan --reason schema_invalid && misstep redrive replay PLAN --actor ann --reason "
    "'the scanner was mended'[/bold]",
)

PLAN_NAME: Final = re.compile(r"r[0-9a-f]{8}")
PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's name, as `redrive plan` gave it.")]


@app.command()
def plan(
    letters: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Letters by their numbers.")] = None,
    workflow: WorkflowName = None,
    agent: AgentName = None,
    reason: ReasonName = None,
    fingerprint: Fingerprint = None,
    case: CaseId = None,
    since: Since = None,
    repair: Annotated[str | None, typer.Option(metavar="NAME", help="A repair of dlq/, applied to each.")] = None,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Choose letters, and find out which of them would pass today. Nothing is sent.

    The letters are frozen by number: what fails later is not in the plan. Exit code 1 when none would pass.

    Example: [bold]misstep redrive plan --workflow invoice --reason schema_invalid --repair drop_broken_boxes[/bold]
    """
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    wanted = selection_of(
        env, workflow=workflow, agent=agent, reason=reason, fingerprint=fingerprint, case=case, since=since,
        ids=letters or (),
    )  # fmt: skip
    assert env.project
    with asking(env.dsn) as connection:
        if wanted.ids:
            letters_named(connection, wanted.namespace, wanted.ids)
        of = env.plan(_one_workflow(connection, env, wanted))
        wanted = replace(wanted, workflow=of.workflow)
        mend = env.project.letters_of(of.workflow).named(repair) if repair else None
        with closing(_recall(env)) as recall, closing(_schemas(env)) as schemas:
            assessor = Assessor(of, env.topics(of.workflow), schemas, lambda: recall)
            with _bar(as_json) as bar:
                task = bar.add_task("letters tried", total=None)
                made = make_plan(
                    connection, of, assessor, wanted, mend, env.build,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )  # fmt: skip
        said = plan_json(connection, made, env.project.letters_of(of.workflow))
    if as_json:
        print_json(said)
    else:
        tell_plan(said, console())
    if not said["counts"]["pass"]:
        raise typer.Exit(AnswerIsNo.exit_code)


@app.command()
def replay(
    name: PlanName,
    actor: ActorName,
    reason: ActorReason,
    canary: Annotated[int, typer.Option(min=1, help="Send so many first, and wait for what comes of them.")] = 5,
    rate: Annotated[str, typer.Option(metavar="N/s", help="How fast the rest is sent: 50/s, 100/m.")] = "50/s",
    abort_over: Annotated[
        str, typer.Option(metavar="SHARE", help="Stop when more than this share of those sent fails again.")
    ] = "10%",
    patience: Annotated[
        str, typer.Option(metavar="DURATION", help="Stop when nothing sent is answered for that long.")
    ] = "60s",
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Send what a plan says would pass: a canary first, then the rest at a pace.

    Stopped by Ctrl-C, a crash, or because too many failed again, it goes on when it is called again: no letter is sent
    twice. Exit code 1 when it stopped before its time, or a letter failed again or could not be sent.

    Example: [bold]misstep redrive replay r1a2b3c4d --actor ann --reason 'the scanner was mended' --canary 5[/bold]
    """
    pace = Pace(canary, per_second(rate), share_of(abort_over), duration_ms(patience, what="--patience") / 1000)
    who = Actor.of(actor, reason)
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    connect_kafka(env.bootstrap, KAFKA_PATIENCE_S)
    with asking(env.dsn) as connection:
        stored = _plan_named(connection, env, name)
        of, room = env.plan(stored.workflow), env.project.letters_of(stored.workflow)
        if stored.ending == "abandoned":
            raise AnswerIsNo(f"Plan {name} was abandoned; make a new one with `misstep redrive plan`.")
        if why := stale(stored, of, room, env.settings.namespace):
            raise AnswerIsNo(why)
        with alone(connection, stored), closing(_recall(env)) as recall, closing(_schemas(env)) as schemas:
            assessor = Assessor(of, env.topics(of.workflow), schemas, lambda: recall)
            with _bar(as_json) as bar:
                task = bar.add_task("letters sent", total=None)

                def progress(done: Replayed, total: int) -> None:
                    bar.update(
                        task,
                        completed=done.sent,
                        total=total,
                        description=f"letters sent ({done.went_well} went well, {done.failed_again} failed again)",
                    )

                done = Replay(
                    connection, env.bootstrap, stored, of, room, assessor, recall, env.build, who, progress=progress
                ).run(pace)
        counts = counts_of(connection, stored.id)
    if as_json:
        print_json(replay_json(done, counts, room))
    else:
        tell_replay(done, counts, room, console())
    if done.stopped or done.failed_again or done.refused or done.left:
        raise typer.Exit(AnswerIsNo.exit_code)


@app.command()
def ls(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many to show at most.")] = 20,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """List the plans, the newest first, and how far each has come.

    Example: [bold]misstep redrive ls[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    with asking(env.dsn) as connection:
        found = list_plans(connection, env.settings.namespace, limit)
    if as_json:
        print_json([{**_stored_json(stored), "counts": counts} for stored, counts in found])
    elif not found:
        print(f"There is no redrive plan in namespace {env.settings.namespace}; `misstep redrive plan` makes one.")
    else:
        console().print(plans_table(found))


@app.command()
def show(
    name: PlanName,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show a plan: what would pass, what would not and why, and what came of what was sent.

    Example: [bold]misstep redrive show r1a2b3c4d[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    assert env.project
    with asking(env.dsn) as connection:
        stored = _plan_named(connection, env, name)
        said = plan_json(connection, stored, env.project.letters_of(stored.workflow), letters=True)
    if as_json:
        print_json(said)
    else:
        tell_plan(said, console())


@app.command()
def abandon(
    name: PlanName,
    actor: ActorName,
    reason: ActorReason,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Give a plan up: what it has not sent is free for another plan.

    Example: [bold]misstep redrive abandon r1a2b3c4d --actor ann --reason 'they are sent from another plan'[/bold]
    """
    who = Actor.of(actor, reason)
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    connect_kafka(env.bootstrap, KAFKA_PATIENCE_S)
    with asking(env.dsn) as connection:
        stored = _plan_named(connection, env, name)
        if stored.namespace != env.settings.namespace:
            raise AnswerIsNo(f"Plan {name} is of namespace {stored.namespace}; set MISSTEP_NAMESPACE or --namespace.")
        with alone(connection, stored):
            action = ops_record(
                stored.namespace, stored.id, "abandon", actor=who.name, reason=who.reason, workflow=stored.workflow
            )
            write_ops(env.bootstrap, [action])
            sent, freed = abandon_plan(connection, env.bootstrap, stored)
    if as_json:
        print_json({"plan": name, "sent": sent, "freed": freed})
    else:
        print(f"Plan {name} is given up; {sent} of its letters were sent before, {freed} that it had claimed are free.")


def per_second(rate: str) -> float:
    """Letters a second. UsageError when it is no rate."""
    read = read_rate(rate, what="--rate")
    return read.calls / read.per_ms * 1000


def share_of(text: str) -> float:
    """A share (0 to 1) of `10%` or `0.1`. UsageError when it is none."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--abort-over {text!r} is no share; write it like '10%', between 0% and 100%.")
    return share


def _one_workflow(connection: Connection, env: Environment, wanted: Selection) -> str:
    """The workflow that a selection is about. UsageError when it is about several."""
    if wanted.workflow is not None:
        return wanted.workflow
    found = workflows_of(connection, wanted)
    if len(found) > 1:
        raise UsageError(
            f"That means letters of {', '.join(found)}; plan one workflow at a time, with --workflow NAME."
        )
    if not found:
        raise AnswerIsNo(
            f"No dead letter in namespace {wanted.namespace} is meant by that; `misstep dlq ls` shows those that wait."
        )
    return found[0]


def _plan_named(connection: Connection, env: Environment, name: str) -> StoredPlan:
    """A plan of whatever namespace. UsageError for a name that is none, AnswerIsNo when there is no such plan."""
    if not PLAN_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no plan's name (r and eight hex digits); `misstep redrive ls` shows them.")
    found = find_plan(connection, name)
    if found is None:
        raise AnswerIsNo(f"There is no plan {name}; `misstep redrive ls` shows those there are.")
    return found


def _recall(env: Environment) -> EventReader:
    return EventReader(env.bootstrap, "misstep-redrive")


def _schemas(env: Environment) -> KafkaSchemas:
    return KafkaSchemas(env.bootstrap, env.settings.namespace, "misstep-redrive")


def _stored_json(stored: StoredPlan) -> dict[str, object]:
    return {name: getattr(stored, name) for name in StoredPlan.__dataclass_fields__ if name != "watch_from"}


def _bar(as_json: bool) -> Progress:
    errors = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=errors, transient=True, disable=as_json or not errors.is_terminal)
