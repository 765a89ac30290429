"""The project's root, mounted as the package `rooms`: `from rooms.contracts.invoice import Extracted`.

Nothing installs a top-level package `agents`: the OpenAI Agents SDK owns that name and works beside this.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType

from misstep.errors import UsageError

ROOMS = "rooms"


def mount_rooms(root: Path) -> ModuleType:
    """Mount a project; another one that was mounted before is unloaded. UsageError if `rooms` is somebody else's."""
    path = str(root.resolve())
    mounted = sys.modules.get(ROOMS)
    if isinstance(mounted, _Rooms):
        if list(mounted.__path__) == [path]:
            return mounted
        unmount_rooms()
    elif mounted is not None:
        raise UsageError(
            f"a package called `rooms` is loaded from {getattr(mounted, '__file__', None) or 'elsewhere'}; Misstep "
            "mounts the project under that name, so rename or uninstall the other one."
        )
    rooms = _Rooms(ROOMS, "The project's rooms.")
    rooms.__path__ = [path]
    spec = importlib.machinery.ModuleSpec(ROOMS, None, is_package=True)
    spec.submodule_search_locations = [path]
    rooms.__spec__ = spec
    rooms.__package__ = ROOMS
    importlib.invalidate_caches()
    sys.modules[ROOMS] = rooms
    return rooms


def mounted_root() -> Path | None:
    """The root of the project that is mounted; None when none is."""
    mounted = sys.modules.get(ROOMS)
    return Path(next(iter(mounted.__path__))) if isinstance(mounted, _Rooms) else None


def unmount_rooms() -> None:
    """Unload the mounted project, if there is one: its modules will be read anew."""
    if not isinstance(sys.modules.get(ROOMS), _Rooms):
        return
    for name in [name for name in sys.modules if name == ROOMS or name.startswith(f"{ROOMS}.")]:
        del sys.modules[name]


class _Rooms(ModuleType):
    """Tells our package from one that somebody installed."""


def lay_types_link(root: Path) -> Path:
    """Lay the link `.types/rooms -> ..` that type checkers follow; it stays out of git. UsageError if it cannot be."""
    link = root / ".types" / ROOMS
    if link.is_symlink() and link.readlink() == Path(".."):
        return link
    try:
        link.parent.mkdir(exist_ok=True)
        if link.is_symlink():
            link.unlink()
        link.symlink_to("..", target_is_directory=True)
    except OSError as error:
        raise UsageError(
            f"{link}: the link for type checkers cannot be laid ({error.strerror}); make way for it."
        ) from None
    return link
