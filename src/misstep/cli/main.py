"""`misstep`: the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from misstep.cli.lazy_group import LazyGroup
from misstep.cli.saying_errors import saying_errors

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's); returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return saying_errors(lambda: app(given, prog_name="misstep", standalone_mode=False), as_json="--json" in given)


if __name__ == "__main__":
    sys.exit(main())
