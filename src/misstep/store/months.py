"""Partitions of `case_turns`, made before they are needed."""

from __future__ import annotations

from datetime import UTC, date, datetime

from misstep.store.connect import Connection

MONTHS_AHEAD = 2
MONTHS_BACK = 24


def ensure_months_ahead(connection: Connection, today: date | None = None) -> None:
    """Make the partitions of this month and of the next two."""
    first = (today or datetime.now(UTC).date()).replace(day=1)
    for ahead in range(MONTHS_AHEAD + 1):
        ensure_month(connection, moved(first, ahead))


def ensure_month(connection: Connection, month: date) -> bool:
    """Make one month's partition; false when that month already lives in the default partition."""
    row = connection.execute("SELECT ensure_case_turns_partition(%s)", [month]).fetchone()
    return bool(row and row[0])


def worth_a_partition(month: str, today: date | None = None) -> date | None:
    """The first day of a month written as `2026-01`, if it is near enough to now for a partition of its own.

    Times far off are mostly wrong clocks and nonsense; they belong in the default partition.
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        return None
    now = (today or datetime.now(UTC).date()).replace(day=1)
    return first if moved(now, -MONTHS_BACK) <= first <= moved(now, MONTHS_AHEAD) else None


def moved(first: date, months: int) -> date:
    """The first of the month that lies `months` after (or before) another."""
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
