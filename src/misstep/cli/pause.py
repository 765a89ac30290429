"""`misstep pause`"""

from __future__ import annotations

from typing import Annotated

import typer

from misstep.bus.marks import pause_agent
from misstep.bus.provision import connect
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.marking import By, Reason, login_name, now_text
from misstep.cli.options import AsJson, Kafka, Namespace, ProjectRoot
from misstep.cli.show import print_json
from misstep.cli.surroundings import surroundings
from misstep.composition import Environment
from misstep.contracts.control import Pause
from misstep.dlq.actor import Actor
from misstep.errors import UsageError

app = typer.Typer(add_completion=False)

AgentPath = Annotated[str, typer.Argument(metavar="WORKFLOW/AGENT", help="The agent: invoice/extract.")]


@app.command()
def pause(
    agent: AgentPath,
    reason: Reason,
    actor: By = None,
    kafka: Kafka = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Let an agent stand still; its input waits in Kafka.

    On every worker, until `misstep resume`. Turns that are running end. Cases wait, and their time budgets go on.

    Example: [bold]misstep pause invoice/post_entry --reason "ledger closes the month"[/bold]
    """
    env = surroundings(project=project, kafka=kafka, namespace=namespace)
    workflow, name = named_agent(env, agent)
    who = Actor.of(actor or login_name(), reason)
    connect(env.bootstrap, KAFKA_PATIENCE_S)
    pause_agent(
        env.bootstrap,
        env.settings.namespace,
        workflow,
        name,
        Pause(actor=who.name, reason=who.reason, at=now_text()),
    )
    if as_json:
        print_json({"workflow": workflow, "agent": name, "paused": True})
    else:
        print(f"{agent} stands still until: misstep resume {agent} --reason TEXT")


def named_agent(env: Environment, path: str) -> tuple[str, str]:
    """Workflow and agent of `WORKFLOW/AGENT`. UsageError when the project has none of that name."""
    workflow, _, name = path.partition("/")
    if not name:
        raise UsageError(f"{path!r} names no agent; write WORKFLOW/AGENT, as in invoice/extract.")
    agents = env.plan(workflow).agents
    if name not in agents:
        raise UsageError(f"Workflow {workflow} has no agent {name!r}; it has {', '.join(agents)}.")
    return workflow, name
