"""`misstep up`"""

from __future__ import annotations

from typing import Annotated

import typer

from misstep.cli.options import AsJson, ProjectRoot
from misstep.cli.show import print_json
from misstep.cli.state_lines import state_lines
from misstep.cli.surroundings import surroundings
from misstep.dev.progress import reporter_for
from misstep.dev.servers import up as start_servers

app = typer.Typer(add_completion=False)
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="A port to listen on; default: a free one, kept.")]


@app.command()
def up(
    kafka_port: Port = None, postgres_port: Port = None, project: ProjectRoot = None, as_json: AsJson = False
) -> None:
    """Start the embedded Kafka and Postgres.

    Real Apache Kafka and real Postgres on 127.0.0.1, kept in the project's .misstep directory (MISSTEP_DATA). The first
    start downloads Kafka's jars, about 60 MB. They go on running after this command: `misstep down` stops them.

    Example: [bold]misstep up && misstep apply[/bold]
    """
    data = surroundings(project=project).data
    state = start_servers(data, kafka_port=kafka_port, postgres_port=postgres_port, progress=reporter_for())
    if as_json:
        print_json(state.as_dict())
        return
    for line in state_lines(state):
        print(line)
    print("Next: misstep apply")
