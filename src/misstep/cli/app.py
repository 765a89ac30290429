"""The Typer app behind `misstep`."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from misstep.cli.lazy_group import LazyGroup

app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(metadata.version("misstep"))
        raise typer.Exit


@app.callback()
def misstep(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Failure-first choreography for agents on Apache Kafka.

    Try [bold]misstep demo[/bold] first. In a project: up, apply, run; then publish, why and taxonomy from another
    terminal.

    Exit codes: 0 done, 1 the answer is "no", 2 wrong usage, 3 a server cannot be reached, 130 interrupted.
    """
