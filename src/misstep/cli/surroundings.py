"""The environment that a command line and the process's variables describe together."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from misstep.composition import Environment, environment
from misstep.errors import UsageError


def surroundings(
    *,
    project: Path | None = None,
    kafka: str | None = None,
    postgres: str | None = None,
    namespace: str | None = None,
) -> Environment:
    """The environment; what is not None overrides the variable of its name. UsageError for a setting that is wrong."""
    if project is not None and not project.is_dir():
        raise UsageError(f"There is no directory {project}; --project names the directory that holds the four rooms.")
    try:
        env = environment(kafka=kafka, postgres=postgres, namespace=namespace)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise UsageError(
            f"MISSTEP_{name.upper()} or --{name} is {str(first['input'])!r}: {first['msg'].lower()}."
        ) from None
    if project is not None:
        env.root = project.resolve()
    return env
