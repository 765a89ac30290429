"""The environment that a command line and the process's variables describe together."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from misstep.composition import Environment, environment
from misstep.errors import UsageError

OPTIONS = frozenset({"kafka", "postgres", "namespace"})
"""Settings that the command line can override."""
NAMES = frozenset({"namespace", "slot"})


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
        where = f"MISSTEP_{name.upper()}" + (f" or --{name}" if name in OPTIONS else "")
        raise UsageError(f"{where} is {str(first['input'])!r}: {_wanted(name, first['msg'])}.") from None
    if project is not None:
        env.root = project.resolve()
    elif env.root is not None and not env.root.is_dir():
        raise UsageError(f"There is no directory {env.root}; MISSTEP_PROJECT names the one that holds the four rooms.")
    return env


def _wanted(name: str, said: str) -> str:
    """What a setting should be, in words."""
    if name in NAMES:
        return "it must be 1 to 63 letters, digits or hyphens, the first one no hyphen"
    return "it " + said.removeprefix("Input ").partition(",")[0]
