"""The environment of a drill: a namespace of its own, and a project that the drill brings or changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from misstep.cli.drill.setup import Setup
from misstep.composition import Environment
from misstep.saga.rooms import Project

PARTITIONS = 2
SLOT = "drill"


@dataclass
class DrillEnvironment(Environment):
    """As `Environment`; the project is what `rooms` makes of it."""

    setup: Setup = field(kw_only=True)
    rooms: Callable[[DrillEnvironment], Project] = field(kw_only=True)

    @cached_property
    def project(self) -> Project:
        """The project that this drill's processes run."""
        return self.rooms(self)

    def child_environment(self) -> dict[str, str]:
        """What a process of the drill needs to come to the same environment."""
        return {**super().child_environment(), "MISSTEP_SLOT": SLOT, **self.setup.variable()}


def for_drill(env: Environment, setup: Setup, rooms: Callable[[DrillEnvironment], Project]) -> DrillEnvironment:
    """A drill's environment on the same servers, with few partitions and a build that says what ran."""
    settings = env.settings.model_copy(
        update={"partitions": PARTITIONS, "slot": SLOT, "build": env.settings.build or f"drill-{setup.drill}"}
    )
    return DrillEnvironment(settings, env.root, setup=setup, rooms=rooms)
