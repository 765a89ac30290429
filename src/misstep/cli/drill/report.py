"""What a drill comes to: tables, whether each part of its promise held, and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from misstep.cli.drill.chart import Chart


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the promise."""

    promise: str
    holds: bool
    found: str


@dataclass(frozen=True, slots=True)
class Figures:
    """A table: words on the left, figures on the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]
    words: int = 1
    """How many columns, from the left, are words."""

    def table(self) -> Table:
        """For a person."""
        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number < self.words else "right")
        for row in self.rows:
            table.add_row(*(Text(_shown(cell)) for cell in row))
        return table

    def as_json(self) -> list[dict[str, Any]]:
        """One object a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(slots=True)
class Report:
    """Everything a drill found."""

    faults: Sequence[str]
    """What was done on purpose, and by which rates: one sentence each."""
    tables: Sequence[Figures]
    checks: Sequence[Check]
    chart: Chart
    more: dict[str, Any] = field(default_factory=dict)
    """Further figures for a program."""

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    def show(self, out: Console, plot: Path) -> None:
        """For a person."""
        for table in self.tables:
            out.print()
            out.print(table.table())
        out.print()
        for check in self.checks:
            mark = ("holds", "green") if check.holds else ("FAILS", "bold red")
            out.print(Text.assemble(mark, f"  {check.promise}: {check.found}"), soft_wrap=True)
        out.print(f"Plot: {plot}", markup=False, soft_wrap=True)

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "holds": self.holds,
            "faults": list(self.faults),
            "checks": [asdict(check) for check in self.checks],
            "tables": {table.title: table.as_json() for table in self.tables},
            **self.more,
        }


def _shown(cell: str | int | float | None) -> str:
    if cell is None:
        return ""
    return f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell
