"""The workflows of Misstep's own repository, and the real data that comes with them."""

from __future__ import annotations

from pathlib import Path

from misstep.cli.drill.environment import DrillEnvironment
from misstep.errors import UsageError
from misstep.saga.rooms import Project, find_project, load_project


def repository(env: DrillEnvironment, workflow: str, file: str) -> Project:
    """The repository's project, mounted. UsageError where that is not: it has this workflow, and this file."""
    only = f"`misstep drill {env.setup.drill}` runs the workflow {workflow!r} of Misstep's own repository; run it there"
    try:
        root = env.root if env.root is not None else find_project()
    except UsageError:
        raise UsageError(f"{Path.cwd()} is in no project: {only}.") from None
    project = load_project(root)
    if workflow not in project.choreographies or not (project.root / file).is_file():
        raise UsageError(f"{project.root} has no such workflow with {file}: {only}.")
    return project


def read_lines(root: Path, file: str) -> list[bytes]:
    """A file of JSON lines."""
    return (root / file).read_bytes().splitlines()
