"""`misstep status`"""

from __future__ import annotations

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from misstep.bus.connection import connection
from misstep.cli.options import AsJson, Kafka, Postgres, ProjectRoot
from misstep.cli.show import print_json
from misstep.cli.surroundings import surroundings
from misstep.dev.servers import status as embedded_status
from misstep.errors import ServerUnreachable
from misstep.store.connect import asking, place

app = typer.Typer(add_completion=False)
PATIENCE_S = 3.0


@app.command()
def status(
    kafka: Kafka = None, postgres: Postgres = None, project: ProjectRoot = None, as_json: AsJson = False
) -> None:
    """Say where Kafka and Postgres are and whether they answer.

    Exit code 3 when one of them does not.

    Example: [bold]misstep status --json | jq -r .postgres.dsn[/bold]
    """
    env = surroundings(project=project, kafka=kafka, postgres=postgres)
    states = {name: {**state, "origin": "embedded"} for name, state in embedded_status(env.data).as_dict().items()}
    if env.settings.kafka:
        states["kafka"] = {
            "bootstrap_servers": env.settings.kafka,
            "state": "up" if _kafka_answers(env.bootstrap) else "not answering",
            "origin": "given",
        }
    if env.settings.postgres:
        states["postgres"] = {
            "dsn": env.settings.postgres,
            "state": "up" if _postgres_answers(env.settings.postgres) else "not answering",
            "origin": "given",
        }
    if as_json:
        print_json({**states, "data": str(env.data), "namespace": env.settings.namespace})
    else:
        dsn = states["postgres"]["dsn"]
        _line("Kafka", states["kafka"], states["kafka"]["bootstrap_servers"])
        _line("Postgres", states["postgres"], place(str(dsn)) if dsn else None)
        if any(state["state"] == "down" for state in states.values()):
            print("Start them with: misstep up")
    if any(state["state"] != "up" for state in states.values()):
        raise typer.Exit(ServerUnreachable.exit_code)


def _line(name: str, state: dict[str, str | int | None], at: str | int | None) -> None:
    version = f" {state['version']}" if state.get("version") else ""
    where = f" at {at}" if at and state["state"] != "down" else ""
    pid = f", pid {state['pid']}" if state.get("pid") else ""
    print(f"{name}{version}: {state['state']}{where} ({state['origin']}{pid})")


def _kafka_answers(bootstrap: str) -> bool:
    try:
        AdminClient({**connection(bootstrap), "log_level": 0}).list_topics(timeout=PATIENCE_S)
    except KafkaException:
        return False
    return True


def _postgres_answers(dsn: str) -> bool:
    try:
        with asking(dsn) as connection:
            connection.execute("SELECT 1")
    except ServerUnreachable:
        return False
    return True
