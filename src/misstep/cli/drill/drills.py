"""The drills, in the order in which a newcomer may want them. A new one is a module with a `DRILL`, and a line here."""

from __future__ import annotations

from typing import Final

from misstep.cli.drill import (
    bisect,
    cascade,
    coordinator_outage,
    corrupt_data,
    dead_agent,
    regression,
    saturation,
    slow_agent,
    stale_cache,
    success_rate,
)
from misstep.cli.drill.drill import Drill
from misstep.errors import UsageError

DRILLS: Final[tuple[Drill, ...]] = (
    success_rate.DRILL,
    cascade.DRILL,
    slow_agent.DRILL,
    dead_agent.DRILL,
    saturation.DRILL,
    corrupt_data.DRILL,
    coordinator_outage.DRILL,
    regression.DRILL,
    stale_cache.DRILL,
    bisect.DRILL,
)


def drill_named(name: str) -> Drill:
    """UsageError when there is none."""
    for one in DRILLS:
        if one.name == name:
            return one
    raise UsageError(f"There is no drill {name!r}; there are {', '.join(one.name for one in DRILLS)}.")
