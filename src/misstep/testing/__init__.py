"""Tests of a project without servers: `rehearse` a case, `walk` the matrix, give an agent a `turn`.

They are imported when they are first asked for, so pytest's plugin costs a test run of other projects nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misstep.testing.rehearse import Event, Story, rehearse
    from misstep.testing.turn import turn
    from misstep.testing.walk import Walk, walk

_HOMES = {
    "misstep.testing.rehearse": ("Event", "Story", "rehearse"),
    "misstep.testing.turn": ("turn",),
    "misstep.testing.walk": ("Walk", "walk"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


class _NamesAreFunctions(ModuleType):
    """Whoever imports `misstep.testing.walk` binds that module here as `walk`; the name stays the function's."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOME_OF and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _NamesAreFunctions

__all__ = ["Event", "Story", "Walk", "rehearse", "turn", "walk"]
