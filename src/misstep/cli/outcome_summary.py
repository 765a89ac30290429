"""How a set of cases ended: counts by outcome and failure reason, and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from misstep.cli.outcome_watch import Ended

COLOURS = {"completed": "green", "compensated": "yellow", "cancelled": "yellow"}
COMPLETED = "completed"


def outcome_counts(ended: Iterable[Ended]) -> list[tuple[str, str, str, int]]:
    """(outcome, failure reason, agent that ended it, cases), completed ones first, then the most frequent."""
    counts = Counter((one.outcome, one.failure_reason, one.agent if one.outcome != COMPLETED else "") for one in ended)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] != COMPLETED, -item[1], item[0]))
    return [(*key, count) for key, count in ordered]


def outcome_table(ended: Sequence[Ended], missing: int = 0) -> Table:
    """The counts for a person; `missing` cases had no outcome."""
    table = Table("outcome", "failure reason", "in agent", title="How the cases ended", title_justify="left")
    table.add_column("cases", justify="right")
    for outcome, reason, agent, count in outcome_counts(ended):
        table.add_row(f"[{COLOURS.get(outcome, 'red')}]{outcome}", "" if reason == "ok" else reason, agent, str(count))
    if missing:
        table.add_row("[bold red]none yet", "", "", str(missing))
    return table


def outcome_json(ended: Iterable[Ended]) -> list[dict[str, Any]]:
    """The counts for a program."""
    return [
        {"outcome": outcome, "failure_reason": reason, "agent": agent, "cases": count}
        for outcome, reason, agent, count in outcome_counts(ended)
    ]


def percentile(values: Sequence[float], part: float) -> float:
    """The nearest-rank percentile: `part` 0.5 is the median. 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1))]
