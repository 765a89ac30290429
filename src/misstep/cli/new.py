"""`misstep new`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from misstep.cli.new_project import new_project
from misstep.cli.options import AsJson
from misstep.cli.show import print_json

app = typer.Typer(add_completion=False)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The project's name, and the directory to make: order-desk.")],
    as_json: AsJson = False,
) -> None:
    """Make a new project with the four rooms, ready to run.

    Two agents, one of them the other's fallback; their contracts, locked; the failure matrix; tests without Kafka; five
    orders to publish. Change it piece by piece into your own.

    Example: [bold]misstep new order-desk && cd order-desk && make run[/bold]
    """
    parent = Path.cwd()
    written = [str(path.relative_to(parent)) for path in new_project(name, parent)]
    if as_json:
        print_json({"root": str(parent / name), "written": written})
        return
    for path in written:
        print(f"wrote {path}")
    print(f"Next: cd {name} && make run")
