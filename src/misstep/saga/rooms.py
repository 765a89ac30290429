"""The loader: finds a project, mounts it as `rooms`, and reads its contracts, its scores and its wiring."""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from misstep.agents.wiring import Wiring
from misstep.contracts import Contract
from misstep.dlq.room import DeadLetters
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.mount import ROOMS, lay_types_link, mount_rooms, mounted_root, unmount_rooms

__all__ = [
    "Project",
    "find_project",
    "lay_types_link",
    "load_project",
    "mount_rooms",
    "mounted_wiring",
    "unmount_rooms",
]


@dataclass(frozen=True)
class Project:
    """What a project's rooms hold."""

    root: Path
    choreographies: dict[str, Choreography]
    """By workflow's name, in order of name."""
    contracts: tuple[type[Contract], ...]
    """Every contract of the room `contracts/` that bears a name of its own, by name and version."""
    wiring: Wiring
    """Of `agents/wiring.py`; without providers when the project has none."""
    dead_letters: dict[str, DeadLetters] = field(default_factory=dict)
    """What the room `dlq/` says, by workflow; a workflow of which it says nothing has no entry."""

    def letters_of(self, workflow: str) -> DeadLetters:
        """What `dlq/` says of a workflow's letters; nothing (no repairs, no redaction) when it is silent."""
        return self.dead_letters.get(workflow) or DeadLetters(workflow)


def find_project(start: Path | None = None) -> Path:
    """The root of the project: MISSTEP_PROJECT, else upwards from `start` (the working directory).

    A project has a `pyproject.toml` and the room `saga/`. UsageError when there is none.
    """
    named = os.environ.get("MISSTEP_PROJECT") if start is None else None
    if named:
        root = Path(named).resolve()
        if not is_project(root):
            raise UsageError(
                f"MISSTEP_PROJECT={named} is no project: it has no pyproject.toml with a room saga/ beside it."
            )
        return root
    begin = (start if start is not None else Path.cwd()).resolve()
    for directory in (begin, *begin.parents):
        if is_project(directory):
            return directory
    raise UsageError(
        f"{begin} is in no project (a directory with pyproject.toml and saga/); go to one, or make one with "
        "`misstep new NAME`."
    )


def is_project(directory: Path) -> bool:
    """Has this directory a pyproject.toml and the room `saga/`?"""
    return (directory / "pyproject.toml").is_file() and (directory / "saga").is_dir()


def load_project(root: Path) -> Project:
    """Mount a project and read it.

    Raises UsageError, naming file and line, for a module that cannot be imported, a workflow declared twice, a wiring
    that is none.
    """
    root = root.resolve()
    mount_rooms(root)
    contracts: dict[tuple[str, int, int], type[Contract]] = {}
    for module in _modules(root, "contracts", "**/*.py"):
        for contract in _own_contracts(module):
            identity = contract.__contract__
            contracts[identity.name, identity.major, identity.minor] = contract
    scores: dict[str, Choreography] = {}
    for module in _modules(root, "saga", "*.py"):
        for value in vars(module).values():
            if isinstance(value, Choreography) and scores.setdefault(value.name, value) is not value:
                raise UsageError(
                    f"{value.where}: workflow {value.name} is declared at {scores[value.name].where} already; "
                    "give one of the two another name."
                )
    return Project(
        root,
        {name: scores[name] for name in sorted(scores)},
        tuple(contracts[key] for key in sorted(contracts)),
        _wiring(root),
        _dead_letters(root, scores),
    )


def mounted_wiring() -> Wiring | None:
    """The wiring of the project that is mounted; None when none is. UsageError when it cannot be imported."""
    root = mounted_root()
    return None if root is None else _wiring(root)


def _modules(root: Path, room: str, pattern: str) -> Iterator[ModuleType]:
    for file in sorted((root / room).glob(pattern)):
        parts = file.relative_to(root).with_suffix("").parts
        if all(part.isidentifier() for part in parts) and parts[-1] != "__init__":
            yield import_room(root, ".".join((ROOMS, *parts)))


def import_room(root: Path, name: str) -> ModuleType:
    """Import a module of the project. UsageError in one sentence, with file and line, when it cannot be."""
    try:
        return importlib.import_module(name)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a module does when it is read
        raise UsageError(f"{_place(root, name, error)}: {_said(error)}; mend it and run again.") from None


def _place(root: Path, name: str, error: BaseException) -> str:
    """File and line in the project where the error arose."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(root, error.filename)}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(root) and "site-packages" not in frame.filename:
            return f"{_shown(root, frame.filename)}:{frame.lineno}"
    return name.removeprefix(f"{ROOMS}.").replace(".", "/") + ".py"


def _shown(root: Path, filename: str) -> str:
    file = Path(filename)
    return str(file.relative_to(root)) if file.is_relative_to(root) else filename


def _said(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:300]}".rstrip(" :.")


def _own_contracts(module: ModuleType) -> Iterator[type[Contract]]:
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Contract)
            and value.__module__ == module.__name__
            and vars(value).get("__contract__") is not None
        ):
            yield value


def _dead_letters(root: Path, scores: dict[str, Choreography]) -> dict[str, DeadLetters]:
    found: dict[str, DeadLetters] = {}
    for module in _modules(root, "dlq", "*.py"):
        for value in vars(module).values():
            if not isinstance(value, DeadLetters):
                continue
            if value.workflow not in scores:
                known = ", ".join(sorted(scores)) or "none"
                raise UsageError(f"{value.where}: there is no workflow {value.workflow!r} in saga/; there is: {known}.")
            if found.setdefault(value.workflow, value) is not value:
                raise UsageError(
                    f"{value.where}: the dead letters of {value.workflow} are declared at "
                    f"{found[value.workflow].where} already; a workflow has one DeadLetters object."
                )
    return found


def _wiring(root: Path) -> Wiring:
    if not (root / "agents" / "wiring.py").is_file():
        return Wiring()
    module = import_room(root, f"{ROOMS}.agents.wiring")
    found = {id(value): value for value in vars(module).values() if isinstance(value, Wiring)}
    if len(found) != 1:
        raise UsageError(
            f"agents/wiring.py holds {len(found)} objects of type Wiring; write one: `wiring = Wiring()`, and give it "
            "the providers."
        )
    return next(iter(found.values()))
