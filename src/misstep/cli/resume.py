"""`misstep resume`"""

from __future__ import annotations

import typer
from confluent_kafka import KafkaException

from misstep.bus.marks import read_pauses, resume_agent
from misstep.bus.provision import connect
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.marking import By, Reason, login_name
from misstep.cli.options import AsJson, Kafka, Namespace, ProjectRoot
from misstep.cli.pause import AgentPath, named_agent
from misstep.cli.show import print_json
from misstep.cli.surroundings import surroundings
from misstep.dlq.actor import Actor
from misstep.errors import AnswerIsNo, ServerUnreachable

app = typer.Typer(add_completion=False)


@app.command()
def resume(
    agent: AgentPath,
    reason: Reason,
    actor: By = None,
    kafka: Kafka = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused agent go on.

    Whoever paused it: an operator, or its own valve when too many of its turns were dead letters.

    Example: [bold]misstep resume invoice/post_entry --reason "the month is closed"[/bold]
    """
    env = surroundings(project=project, kafka=kafka, namespace=namespace)
    workflow, name = named_agent(env, agent)
    who = Actor.of(actor or login_name(), reason)
    connect(env.bootstrap, KAFKA_PATIENCE_S)
    try:
        pause = read_pauses(env.bootstrap, env.settings.namespace).get((workflow, name))
    except KafkaException as error:
        raise ServerUnreachable(f"Kafka does not answer at {env.bootstrap}: {error.args[0].str()}.") from None
    if pause is None:
        raise AnswerIsNo(f"{agent} is not paused.")
    resume_agent(env.bootstrap, env.settings.namespace, workflow, name, actor=who.name, reason=who.reason)
    if as_json:
        print_json({"workflow": workflow, "agent": name, "paused": False, "was": pause.model_dump()})
    else:
        print(f"{agent} goes on. It was paused by {pause.actor}: {pause.reason}")
