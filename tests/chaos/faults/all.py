"""Every fault, in the order in which they are tried."""

from __future__ import annotations

from misstep.testing.chaos import Fault
from tests.chaos.faults.processes import KillWorkers
from tests.chaos.site import Site

FAULTS: tuple[type[Fault[Site]], ...] = (KillWorkers,)


def named(name: str) -> type[Fault[Site]]:
    """The fault of that name. KeyError when there is none."""
    return {fault.name: fault for fault in FAULTS}[name]
