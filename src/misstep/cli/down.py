"""`misstep down`"""

from __future__ import annotations

import typer

from misstep.cli.options import AsJson, ProjectRoot
from misstep.cli.show import print_json
from misstep.cli.state_lines import state_lines
from misstep.cli.surroundings import surroundings
from misstep.dev.progress import reporter_for
from misstep.dev.servers import down as stop_servers

app = typer.Typer(add_completion=False)


@app.command()
def down(project: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Stop the embedded Kafka and Postgres; their data stays.

    Does nothing when they are not running. Remove the .misstep directory to start afresh.

    Example: [bold]misstep down[/bold]
    """
    state = stop_servers(surroundings(project=project).data, progress=reporter_for())
    if as_json:
        print_json(state.as_dict())
        return
    for line in state_lines(state):
        print(line)
