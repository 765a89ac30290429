"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

WHERE = "Where (each overrides the variable of its name)"

Kafka = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Kafka's bootstrap servers (MISSTEP_KAFKA); default: the embedded broker.",
        rich_help_panel=WHERE,
    ),
]  # fmt: skip
Postgres = Annotated[
    str | None,
    typer.Option(
        metavar="DSN", help="postgresql://... (MISSTEP_POSTGRES); default: the embedded server.", rich_help_panel=WHERE
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="First part of every topic's name (MISSTEP_NAMESPACE); default: misstep.",
        rich_help_panel=WHERE,
    ),
]  # fmt: skip
ProjectRoot = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", help="The project (MISSTEP_PROJECT); default: found upwards from here.",
        rich_help_panel=WHERE,
    ),
]  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text for a person.")]
ActorName = Annotated[str, typer.Option("--actor", metavar="NAME", help="Who does this: it stands in the record.")]
ActorReason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it stands in the record.")]
