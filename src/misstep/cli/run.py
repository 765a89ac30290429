"""`misstep run`"""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from typing import Annotated

import typer

from misstep.agents.worker.supervise import Child, Supervisor, python_command
from misstep.bus.provision import connect
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.free_slots import reserve_slots
from misstep.cli.options import AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.serve_metrics import HERE_ONLY
from misstep.cli.show import print_json
from misstep.cli.surroundings import surroundings
from misstep.cli.until_eof import drain_at_eof
from misstep.composition import Environment
from misstep.errors import ServerUnreachable, UsageError
from misstep.logs import configure_logs

app = typer.Typer(add_completion=False)


class Only(StrEnum):
    """One part of what `run` runs."""

    AGENTS = "agents"
    COORDINATOR = "coordinator"
    SINK = "sink"


class Level(StrEnum):
    """How much the logs say."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@app.command()
def run(
    agents: Annotated[
        list[str] | None, typer.Argument(metavar="[WORKFLOW[/AGENT]]...", help="What to run; default: everything.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Worker processes; each hosts all of the agents.")] = 1,
    only: Annotated[
        Only | None, typer.Option(help="Only workers, only the coordinator of the undos, or only the audit.")
    ] = None,
    coordinator: Annotated[
        bool,
        typer.Option("--coordinator/--no-coordinator", help="Whether workers also begin to take failed cases back."),
    ] = True,
    carry: Annotated[
        bool,
        typer.Option(
            "--carry/--no-carry",
            help="Whether turns of plain functions go on in the transaction of the turn before. Results are the same.",
        ),
    ] = True,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_000, help="Serve metrics for Prometheus: the first process here, the next one up."),
    ] = None,
    metrics_address: Annotated[
        str, typer.Option(help="The address to serve them on; 0.0.0.0 for every one of this host.")
    ] = HERE_ONLY,
    level: Annotated[Level, typer.Option(help="How much the logs say.")] = Level.INFO,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True, help="Stop when standard input ends.")] = False,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Run the agents and the audit until Ctrl-C.

    Workers host the agents, their undos and the coordinator, which begins to take failed cases back; the audit process
    hosts the sink and the watchdog over deadlines. Any number of each may run, here and elsewhere.

    A worker that dies is restarted in its slot at once. SIGTERM or Ctrl-C lets running turns end and commits them; a
    second one stops at once. Run the command again, on this host or on another, to share the work.

    Example: [bold]misstep run --processes 2[/bold]  or  [bold]misstep run invoice/extract --only agents[/bold]
    """
    configure_logs(level, json=True if as_json else None)
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    chosen = agents or []
    hosted = env.hosted(chosen)
    if not hosted:
        raise UsageError(f"{env.project.root}/saga declares no workflow, so there is nothing to run.")
    _require_topics(env, [plan.workflow for plan, _ in hosted])
    audit = only in (None, Only.SINK)
    if audit and env.dsn_if_known is None:
        raise ServerUnreachable(
            "The audit sink needs Postgres, and none was ever started here: run `misstep up`, set MISSTEP_POSTGRES, or "
            "run the agents alone with --only agents."
        )
    os.environ.update(env.child_environment())
    slots = reserve_slots(env.data / "slots", env.settings.slot, processes if only is not Only.SINK else 1)
    children: list[Child] = []
    if only is not Only.SINK:
        for slot in slots:
            arguments = [
                "--index",
                str(slot.index),
                *_common(level, metrics_port, metrics_address, len(children)),
                *(["--coordinate", "only"] if only is Only.COORDINATOR else []),
                *(["--coordinate", "no"] if not coordinator and only is not Only.COORDINATOR else []),
                *([] if carry else ["--no-carry"]),
                *chosen,
            ]
            children.append(Child(f"worker {slot.name}", python_command("misstep.cli.worker_process", *arguments)))
    if audit:
        workflows = list(dict.fromkeys(plan.workflow for plan, _ in hosted))
        instance = f"{slots[0].name}.sink"
        arguments = ["--instance", instance, *_common(level, metrics_port, metrics_address, len(children)), *workflows]
        children.append(Child("audit sink", python_command("misstep.cli.sink_process", *arguments)))
    names = [f"{plan.workflow}/{agent.name}" for plan, agent in hosted] if only in (None, Only.AGENTS) else []
    workers = sum(child.name.startswith("worker") for child in children)
    if as_json:
        where = {"namespace": env.settings.namespace, "kafka": env.bootstrap}
        print_json({"agents": names, "workers": workers, "audit_sink": audit, **where})
    else:
        print(_running(env, names, workers, only))
    sys.stdout.flush()
    signal.signal(signal.SIGHUP, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
    if until_eof:
        drain_at_eof()
    raise typer.Exit(Supervisor(children).run())


def _common(level: Level, metrics_port: int | None, metrics_address: str, number: int) -> list[str]:
    """What every child is told; `number` counts them."""
    port: list[str] = []
    if metrics_port is not None:
        port = ["--metrics-port", str(metrics_port + number), "--metrics-address", metrics_address]
    return ["--level", level, "--until-eof", *port]


def _require_topics(env: Environment, workflows: list[str]) -> None:
    there = connect(env.bootstrap, KAFKA_PATIENCE_S).list_topics(timeout=KAFKA_PATIENCE_S).topics
    for workflow in dict.fromkeys(workflows):
        plan = env.plan(workflow)
        wanted = env.topics(workflow).all(list(plan.agents), plan.joins)
        missing = [topic for topic in wanted if topic not in there]
        if missing:
            others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UsageError(f"Topic {missing[0]}{others} does not exist; run `misstep apply` first.")


def _running(env: Environment, names: list[str], workers: int, only: Only | None) -> str:
    parts = []
    if workers:
        what = ", ".join(names) or "the coordinator"
        parts.append(f"{what} in {workers} worker process{'es' if workers > 1 else ''}")
    if only in (None, Only.SINK):
        parts.append("the audit sink")
    return f"Running {' and '.join(parts)} in namespace {env.settings.namespace} at {env.bootstrap}; Ctrl-C drains."
