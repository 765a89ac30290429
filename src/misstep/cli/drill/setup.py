"""What a drill is told on the command line; the processes that it starts are told the same."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Final

import orjson

VARIABLE: Final = "DRILL_SETUP"


@dataclass(frozen=True, slots=True)
class Setup:
    """One drill's options."""

    drill: str
    seed: int
    cases: int
    scale: float
    """Of the times that the promise speaks of: 0.1 makes six seconds of a minute."""
    sabotage: bool
    """Take away what keeps the promise."""

    def variable(self) -> dict[str, str]:
        """For the environment of a child."""
        return {VARIABLE: orjson.dumps(asdict(self)).decode()}


def setup_of_child() -> Setup:
    """What this process's environment says."""
    return Setup(**orjson.loads(os.environ[VARIABLE]))
