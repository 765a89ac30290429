"""The matrix for a terminal."""

from __future__ import annotations

from rich.table import Table

from misstep.agents.plan import Plan
from misstep.saga.matrix import agents_table, forks_in_words, matrix_table
from misstep.saga.route_words import duration_words


def matrix_text(plan: Plan) -> Table:
    """The matrix as a rich table: an agent's name once, then its cells; defaults are dim."""
    table = Table(
        title=f"{plan.workflow}: {duration_words(plan.deadline_ms)} a case, {plan.handoffs} hand-offs",
        title_justify="left",
        caption="\n".join((*forks_in_words(plan), *_undone(plan), *_valves(plan))).replace("`", "") or None,
        caption_justify="left",
    )
    for head in ("agent", "fails with", "the case is"):
        table.add_column(head, overflow="fold")
    before = ""
    for row in matrix_table(plan):
        if before and row.agent != before:
            table.add_section()
        table.add_row(
            row.agent if row.agent != before else "",
            row.reason,
            row.words.replace("`", ""),
            style=None if row.declared else "dim",
        )
        before = row.agent
    return table


def _valves(plan: Plan) -> list[str]:
    return [
        f"{name} stands still when more than {agent.valve} turns are dead letters."
        for name, agent in plan.agents.items()
        if agent.valve
    ]


def _undone(plan: Plan) -> list[str]:
    return [f"What {row.agent} did is undone by {row.undone_by}." for row in agents_table(plan) if row.undone_by]
