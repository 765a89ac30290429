"""The production failure taxonomy: what went wrong, how often, where and under which build. One GROUP BY."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from misstep.contracts.event import OK
from misstep.store.connect import asking

K = TypeVar("K", bound=Hashable)

TAXONOMY_SQL = """
SELECT failure_reason::text, agent, coalesce(build, ''), coalesce(degraded::text, ''), kind, count(*)
FROM case_turns
WHERE namespace = %(namespace)s
  AND occurred_at > now() - %(since)s
  AND (%(workflow)s::text IS NULL OR workflow = %(workflow)s)
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class TaxonomyRow:
    """Turns that went alike."""

    failure_reason: str
    agent: str
    build: str
    """Empty: the event did not say."""
    degraded: str
    """The reason that a neutral default stood in for; empty: none did."""
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Share:
    """How often something was, and what part of the whole that is (0 to 1)."""

    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The counts of one stretch of time. A failure is counted once: outcomes carry `ok`."""

    namespace: str
    workflow: str | None
    since: timedelta
    rows: tuple[TaxonomyRow, ...]

    @property
    def total(self) -> int:
        """Every state version, `ok` ones included."""
        return sum(row.count for row in self.rows)

    @property
    def failed(self) -> int:
        return sum(row.count for row in self.rows if row.failure_reason != OK)

    def reasons(self) -> dict[str, Share]:
        """By reason, `ok` included, as shares of all state versions: the GROUP BY of the design."""
        return self._shares(lambda row: row.failure_reason, lambda row: True)

    def failures(self) -> dict[str, Share]:
        """By reason, as shares of the failures."""
        return self._shares(lambda row: row.failure_reason, lambda row: row.failure_reason != OK)

    def by_agent(self) -> dict[tuple[str, str], Share]:
        """By agent and reason, as shares of the failures."""
        return self._shares(lambda row: (row.agent, row.failure_reason), lambda row: row.failure_reason != OK)

    def by_build(self) -> dict[tuple[str, str], Share]:
        """By build and reason, as shares of the failures: a regression's culprit."""
        return self._shares(lambda row: (row.build, row.failure_reason), lambda row: row.failure_reason != OK)

    def failing_share_of(self) -> dict[str, Share]:
        """By agent, its failures as a share of its own turns."""
        turns: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for row in self.rows:
            if row.kind in ("turn", "undo"):
                turns[row.agent] += row.count
                failed[row.agent] += row.count if row.failure_reason != OK else 0
        return {agent: Share(failed[agent], failed[agent] / turns[agent]) for agent in sorted(turns)}

    def degraded(self) -> dict[tuple[str, str], Share]:
        """By agent and the reason that was papered over: turns that are `ok` only thanks to a neutral default."""
        return self._shares(lambda row: (row.agent, row.degraded), lambda row: bool(row.degraded), of=self.total)

    def _shares(
        self, key: Callable[[TaxonomyRow], K], counted: Callable[[TaxonomyRow], bool], of: int | None = None
    ) -> dict[K, Share]:
        counts: Counter[K] = Counter()
        for row in self.rows:
            if counted(row):
                counts[key(row)] += row.count
        whole = of or sum(counts.values())
        return {
            one: Share(count, count / whole) for one, count in sorted(counts.items(), key=lambda c: (-c[1], str(c[0])))
        }


def taxonomy(dsn: str, namespace: str, since: timedelta, workflow: str | None = None) -> Taxonomy:
    """Count how turns went in the last `since`, in one workflow or in all of a namespace. Raises ServerUnreachable."""
    with asking(dsn) as connection:
        rows = connection.execute(TAXONOMY_SQL, {"namespace": namespace, "since": since, "workflow": workflow})
        found = sorted((TaxonomyRow(*row) for row in rows), key=lambda row: (-row.count, row.failure_reason, row.agent))
    return Taxonomy(namespace, workflow, since, tuple(found))
