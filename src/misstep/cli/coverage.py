"""How much of a project's matrices a walk over their examples comes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from misstep.agents.plan import Plan
from misstep.cli.examples import read_examples
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.testing.walk import Walk, walk


@dataclass(frozen=True, slots=True)
class Coverage:
    """One workflow's."""

    plan: Plan
    walk: Walk | None
    """None: it could not be walked at all."""
    why: str = ""
    """Why it could not."""

    @property
    def cells(self) -> int:
        """Those that a case can come to; before a walk: all."""
        if self.walk is None:
            return sum(len(agent.chains) for agent in self.plan.agents.values())
        return len(self.walk.walked) + len(self.walk.missed)

    @property
    def walked(self) -> int:
        return len(self.walk.walked) if self.walk is not None else 0

    @property
    def unwalked(self) -> int:
        return self.cells - self.walked

    @property
    def why_unwalked(self) -> list[str]:
        """A line for each unwalked cell, or for the whole workflow."""
        if self.walk is None:
            return [f"{self.plan.workflow}: {self.why}"]
        return [f"{self.plan.workflow}, {agent}, {reason}: {why}" for (agent, reason), why in self.walk.missed.items()]

    def as_json(self) -> dict[str, Any]:
        """As `misstep matrix cover --json` prints it."""
        missed = self.walk.missed if self.walk is not None else {}
        return {
            "workflow": self.plan.workflow,
            "cells": self.cells,
            "walked": self.walked,
            "unwalked": self.unwalked,
            "why": self.why,
            "missed": [{"agent": agent, "reason": reason, "why": why} for (agent, reason), why in missed.items()],
        }


def covered(plan: Plan, score: Choreography, root: Path) -> Coverage:
    """Walk one workflow over the examples that its score names."""
    try:
        return Coverage(plan, walk(plan, read_examples(score, root)))
    except UsageError as error:  # no examples, a dependency without a stand-in: the others are walked all the same
        return Coverage(plan, None, str(error))


def coverage_table(coverage: list[Coverage]) -> Table:
    """A line for each workflow, and one for all when there are several."""
    table = Table("workflow", title="cells of the failure matrix", title_justify="left")
    for head in ("cells", "walked", "unwalked"):
        table.add_column(head, justify="right")
    for one in coverage:
        style = "red" if one.unwalked else None
        table.add_row(one.plan.workflow, str(one.cells), str(one.walked), str(one.unwalked), style=style)
    if len(coverage) > 1:
        table.add_section()
        sums = (sum(getattr(one, name) for one in coverage) for name in ("cells", "walked", "unwalked"))
        table.add_row("all", *map(str, sums))
    return table
