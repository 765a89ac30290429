"""`misstep queue ls`, `show`, `claim`, `answer`"""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from misstep.agents.duration import duration_ms
from misstep.bus.ops import ops_record, write_ops
from misstep.bus.provision import connect as connect_kafka
from misstep.bus.recall import EventReader
from misstep.bus.registry import KafkaSchemas
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.letter_options import AgentName, Limit, ReasonName, Since, WorkflowName, selection_of
from misstep.cli.options import ActorName, ActorReason, AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.queue_text import tell_waiting, waiting_json, waiting_table
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.composition import Environment
from misstep.contracts import LocalSchemas, SchemaSource
from misstep.dlq.actor import Actor
from misstep.dlq.answer import Answer, understood
from misstep.dlq.answering import Answered, Answering
from misstep.errors import AnswerIsNo, UsageError
from misstep.store.connect import Connection, asking
from misstep.store.queue import Waiting, claim_case, lives_of, waiting_cases
from misstep.store.returns import returns_of
from misstep.store.stored_case_id import stored_case_id

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Answer the cases that wait for a person.\n\n"
    "A case that no agent could finish is escalated. A person gives it a corrected payload, takes one of the agent's "
    "suggestions, or rejects it; the case goes on in a new epoch from where it stood, and who answered what stands in "
    "its record. Of two people who answer one case, one gets through.\n\n"
    "Example: [bold]misstep queue ls && misstep queue answer sroie-617 --suggestion 1 --actor ann --reason 'checked by "
    "eye'[/bold]",
)

LASTS: Final = "30m"
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]


@app.command()
def ls(
    workflow: WorkflowName = None,
    agent: AgentName = None,
    reason: ReasonName = None,
    since: Since = None,
    limit: Limit = 50,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """List the cases that wait for a person, the newest first.

    Example: [bold]misstep queue ls --workflow invoice --agent validate[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    wanted = selection_of(env, workflow=workflow, agent=agent, reason=reason, since=since)
    with asking(env.dsn) as connection:
        found = waiting_cases(
            connection, wanted.namespace, workflow=workflow, agent=agent, reason=reason, since=wanted.since, limit=limit
        )
    if as_json:
        print_json({"cases": [_json(env, one) for one in found]})
    elif not found:
        print(f"No case waits for a person in namespace {wanted.namespace}.")
    else:
        console().print(waiting_table(found, env.project))
        print(f"Next: misstep queue show {found[0].case_id}")


@app.command()
def show(
    case: CaseArgument,
    workflow: WorkflowName = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show a case that waits: why, what its agent had received, what it suggests, and what an answer may be.

    Example: [bold]misstep queue show sroie-617[/bold]
    """
    env = surroundings(project=project, postgres=postgres, namespace=namespace)
    assert env.project
    with asking(env.dsn) as connection:
        found = _the_one(connection, env, case, workflow)
    if as_json:
        print_json(_json(env, found))
    else:
        tell_waiting(found, env.plan(found.workflow), env.project.letters_of(found.workflow), console())


@app.command()
def claim(
    case: CaseArgument,
    actor: ActorName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; needed with --steal.")] = "",
    lasts: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long nobody else may answer it.")
    ] = LASTS,
    steal: Annotated[bool, typer.Option("--steal", help="Take it from whoever has claimed it.")] = False,
    workflow: WorkflowName = None,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Claim a case for a while, so that nobody else answers it meanwhile. One's own claim is prolonged.

    Exit code 1 when somebody else has it.

    Example: [bold]misstep queue claim sroie-617 --actor ann --for 30m[/bold]
    """
    span = timedelta(milliseconds=duration_ms(lasts, what="--for"))
    if span > timedelta(days=30):
        raise UsageError(f"--for {lasts!r} is longer than 30 days; give a shorter one.")
    if steal and not reason.strip():
        raise UsageError("--steal needs a --reason: it stands in the record.")
    who = Actor.of(actor, reason or "at work on it")
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    assert env.project
    connect_kafka(env.bootstrap, KAFKA_PATIENCE_S)
    with asking(env.dsn) as connection:
        found = _the_one(connection, env, case, workflow)
        with connection.transaction():
            ours, held = claim_case(connection, env.settings.namespace, found, who.name, span, steal=steal)
            if not ours:
                raise AnswerIsNo(_held_by(found, held.actor, f"{held.expires_at:%Y-%m-%d %H:%M:%S}"))
            action = ops_record(
                env.settings.namespace, found.case_id, "claim", actor=who.name, reason=who.reason,
                workflow=found.workflow, case_id=found.case_id, epoch=found.epoch, until=held.expires_at,
                stolen_from=held.stolen_from,
            )  # fmt: skip
            write_ops(env.bootstrap, [action])
    if as_json:
        print_json(
            {
                "case_id": found.case_id, "workflow": found.workflow, "epoch": found.epoch, "actor": held.actor,
                "until": held.expires_at, "stolen_from": held.stolen_from,
            }
        )  # fmt: skip
        return
    stolen = f"; {held.stolen_from} had it" if held.stolen_from else ""
    print(f"Case {found.case_id} is {held.actor}'s until {held.expires_at:%Y-%m-%d %H:%M:%S}{stolen}.")


@app.command()
def answer(
    case: CaseArgument,
    actor: ActorName,
    reason: ActorReason,
    payload: Annotated[
        str | None, typer.Option(metavar="FILE", help="The answer as JSON; - is standard input.")
    ] = None,
    suggestion: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Take the agent's Nth suggestion, as `queue show` counts.")
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="What the case did is undone; it ends compensated.")] = False,
    meant: Annotated[
        str, typer.Option("--as", metavar="CONTRACT", help="Which contract the answer is, when it fits several.")
    ] = "",
    workflow: WorkflowName = None,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Answer a case that waits: with a payload, one of the suggestions, or a rejection.

    A payload that the escalated agent accepts is given to it again; one that it emits goes on behind it, or completes
    the case when nobody hears it. Where `queue show` masks a field, the mask may stay: what stands there is kept. Exit
    code 1 when the answer fits nothing, or somebody else has the case.

    Example: [bold]misstep queue answer sroie-617 --payload fixed.json --actor ann --reason 'read by eye'[/bold]
    """
    if (payload is not None) + (suggestion is not None) + reject != 1:
        raise UsageError("An answer is one of --payload FILE, --suggestion N and --reject.")
    who = Actor.of(actor, reason)
    given = _read(payload) if payload is not None else None
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    assert env.project
    connect_kafka(env.bootstrap, KAFKA_PATIENCE_S)
    recall, schemas = EventReader(env.bootstrap, "misstep-queue"), _schemas(env)
    with asking(env.dsn) as connection, closing(recall), closing(schemas):
        found = _the_one(connection, env, case, workflow)
        said = None if reject else _understood(env, found, given, suggestion, meant, schemas)
        span = timedelta(milliseconds=duration_ms(LASTS))
        ours, held = claim_case(connection, env.settings.namespace, found, who.name, span, steal=False)
        if not ours:
            raise AnswerIsNo(_held_by(found, held.actor, f"{held.expires_at:%Y-%m-%d %H:%M:%S}"))
        answering = Answering(
            connection, env.bootstrap, env.settings.namespace, env.plan(found.workflow), found, schemas, recall,
            env.build, who,
        )  # fmt: skip
        if said is None:
            done = answering.reject()
        else:
            done = answering.answer(said, f"suggestion {suggestion}" if suggestion is not None else "payload")
    if as_json:
        print_json({name: getattr(done, name) for name in Answered.__dataclass_fields__})
    else:
        print(_done(done, found))


def _understood(
    env: Environment, found: Waiting, given: object, suggestion: int | None, meant: str, schemas: SchemaSource
) -> Answer:
    plan = env.plan(found.workflow)
    agent = plan.agents.get(found.failed_in)
    if agent is None:
        raise AnswerIsNo(
            f"{found.failed_in}, which escalated case {found.case_id}, is no longer in the score of {found.workflow}; "
            "it can only be rejected."
        )
    if suggestion is not None:
        offered = found.suggestions
        if suggestion > len(offered):
            raise AnswerIsNo(f"{found.failed_in} made {len(offered)} suggestions; `misstep queue show` counts them.")
        given = offered[suggestion - 1]
    else:
        given = env.project.letters_of(found.workflow).redaction.restored(given, found.payload)
    return understood(plan, agent, orjson.dumps(given), schemas, meant=meant)


def _read(name: str) -> object:
    """The JSON of a file. UsageError when it cannot be read or is none."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{'Standard input' if name == '-' else name} is not JSON: {error}.") from None


def _the_one(connection: Connection, env: Environment, case: str, workflow: str | None) -> Waiting:
    """The case that is meant. AnswerIsNo when it does not wait, UsageError when several workflows have one."""
    if workflow is not None:
        env.plan(workflow)
    found = waiting_cases(connection, env.settings.namespace, workflow=workflow, case_id=case, limit=2)
    if len(found) > 1:
        names = " and ".join(one.workflow for one in found)
        raise UsageError(f"Case {case} waits in {names}; say which with --workflow NAME.")
    if found:
        env.plan(found[0].workflow)
        return found[0]
    lives = [one for one in lives_of(connection, env.settings.namespace, case) if workflow in (None, one[0])]
    if not lives:
        raise AnswerIsNo(f"There is no case {case} in namespace {env.settings.namespace}.")
    of, epoch, outcome = lives[-1]
    how = f"has ended {outcome}" if outcome else "is running"
    answered = [(one[0], one[1]) for one in lives if one[2] == "escalated"]
    was = ""
    if answered:
        life = (stored_case_id(case), answered[-1][1] + 1)
        holder = returns_of(connection, env.settings.namespace, answered[-1][0], [life]).get(life)
        if holder is not None:
            was = f" It was answered by {holder.actor} at {holder.claimed_at:%Y-%m-%d %H:%M:%S}."
    raise AnswerIsNo(
        f"Case {case} does not wait for a person: in epoch {epoch} of {of} it {how}.{was} "
        f"`misstep why {case}` tells more."
    )


def _schemas(env: Environment) -> KafkaSchemas:
    return KafkaSchemas(env.bootstrap, env.settings.namespace, "misstep-queue")


def _json(env: Environment, found: Waiting) -> dict[str, object]:
    plan = env.plans.get(found.workflow)
    return waiting_json(found, plan, env.project.letters_of(found.workflow), LocalSchemas())


def _held_by(found: Waiting, actor: str, until: str) -> str:
    return (
        f"Case {found.case_id} is claimed by {actor} until {until}; wait, or take it with "
        f"`misstep queue claim {found.case_id} --steal --reason TEXT`."
    )


def _done(done: Answered, found: Waiting) -> str:
    goes_to = ", ".join(done.goes_to)
    what = {
        "again": f"{goes_to} is given it",
        "behind": f"it goes on behind {found.failed_in}, to {goes_to}",
        "completes": "nobody hears more of it: it is completed",
        "rejected": "what it did is being undone",
    }[done.way]
    return f"Case {done.case_id} goes on in epoch {done.epoch}: {what}. See `misstep why {done.case_id}`."
