"""A new project from the bundled templates."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Final

from misstep.contracts import locked
from misstep.errors import UsageError
from misstep.saga.architecture_check import FILE
from misstep.saga.compile import compile_plan
from misstep.saga.matrix_markdown import with_block
from misstep.saga.rooms import lay_types_link, load_project, unmount_rooms

NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
SUFFIX: Final = ".tmpl"
HIDDEN: Final = {"gitignore": ".gitignore"}
"""Files that a package would leave out under their own names."""


def new_project(name: str, parent: Path) -> list[Path]:
    """Make the project `parent/name` and return its files. UsageError for a name that is none, or that is taken."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a project's name: use lower-case letters, digits and hyphens, a letter first, as in "
            "order-desk."
        )
    root = parent / name
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} exists and is not empty; choose another name, or move it away.")
    if not parent.is_dir():
        raise UsageError(f"There is no directory {parent} to make {name} in.")
    try:
        written = _write(name, root)
    except OSError as error:
        raise UsageError(f"{error.filename or root} cannot be written: {error.strerror}.") from None
    lay_types_link(root)
    project = load_project(root)
    written += locked.lock(project.contracts, root / "contracts" / "locked")
    architecture = root / FILE
    for score in project.choreographies.values():
        architecture.write_text(with_block(architecture.read_text("utf-8"), compile_plan(score)), "utf-8")
    unmount_rooms()
    return sorted(written)


def _write(name: str, root: Path) -> list[Path]:
    templates = Path(str(resources.files("misstep.cli"))) / "templates"
    written = []
    for template in sorted(templates.rglob(f"*{SUFFIX}")):
        place = template.relative_to(templates).with_suffix("")
        path = root / place.with_name(HIDDEN.get(place.name, place.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.read_text("utf-8").replace("{{name}}", name), "utf-8")
        written.append(path)
    return written
