"""The taxonomy of one period beside that of the period before it: what got worse, by how much, and where it came from.

A turn that is `ok` only thanks to a neutral default counts under the reason that the default stood in for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, get_args

from misstep.contracts.event import OK
from misstep.store.connect import asking
from misstep.store.stands_out import chance_of_more

Dimension = Literal["workflow", "agent", "build", "reason"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
COMPARED_BY: Final[tuple[Dimension, ...]] = ("agent", "build", "reason")

BY_CHANCE: Final = 0.01
"""Something stands out when chance alone would show it more rarely than this, in all of the comparisons together."""
JUDGES: Final = frozenset({"rubric_fail", "schema_invalid", "invariant_broken", "compliance_fail"})
"""Reasons by which an agent speaks of what it was handed: whoever made that is looked at too."""

COUNTS_SQL = """
SELECT occurred_at > now() - %(since)s, workflow, agent, coalesce(build, ''),
       coalesce(degraded, failure_reason)::text, count(*)
FROM case_turns
WHERE namespace = %(namespace)s
  AND occurred_at > now() - 2 * %(since)s
  AND kind IN ('turn', 'undo')
  AND (%(workflow)s::text IS NULL OR workflow = %(workflow)s)
GROUP BY 1, 2, 3, 4, 5
"""

# Who made the version that a turn was handed: one index look-up a turn, of one agent alone.
MAKERS_SQL = """
SELECT turn.occurred_at > now() - %(since)s, turn.workflow, made.agent, coalesce(made.build, ''),
       CASE WHEN coalesce(turn.degraded, turn.failure_reason)::text = %(reason)s
             AND coalesce(turn.evidence ->> 'stage', '') <> 'output' THEN %(reason)s ELSE 'ok' END,
       count(*)
FROM case_turns turn
JOIN case_turns made
  ON made.case_id = turn.case_id AND made.namespace = turn.namespace AND made.workflow = turn.workflow
 AND made.epoch = turn.epoch AND made.state_version = turn.state_version - 1 AND made.kind = 'turn'
WHERE turn.namespace = %(namespace)s
  AND turn.occurred_at > now() - 2 * %(since)s
  AND turn.kind = 'turn'
  AND turn.workflow = %(workflow)s
  AND turn.agent = %(agent)s
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Turns that went alike in one of the two periods."""

    now: bool
    workflow: str
    agent: str
    build: str
    """Empty: the event did not say."""
    reason: str
    count: int

    def key(self, by: Iterable[Dimension]) -> tuple[str, ...]:
        return tuple(str(getattr(self, dimension)) for dimension in by)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many turns."""

    failed: int
    turns: int

    @property
    def rate(self) -> float:
        return self.failed / self.turns if self.turns else 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """How often a group of turns failed, and how often it had failed before."""

    group: dict[Dimension, str]
    now: Rate
    before: Rate
    """Under any build: a new one is compared with what ran before it."""
    chance: float
    """Probability that chance alone makes it so much worse."""
    stands_out: bool

    @property
    def worse_by(self) -> float:
        """Difference of the rates; negative: better."""
        return self.now.rate - self.before.rate


@dataclass(frozen=True, slots=True)
class Culprit:
    """What got worse, and who made what it got worse on."""

    workflow: str
    agent: str
    build: str
    reason: str
    change: Change
    maker: Change | None = None
    """By agent and build: whose versions it failed on; None: nobody's more than others', so it is its own."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two periods side by side."""

    namespace: str
    workflow: str | None
    since: timedelta
    by: tuple[Dimension, ...]
    changes: tuple[Change, ...]
    """What stands out first, then the worst first."""
    turns: int
    turns_before: int
    culprit: Culprit | None


def compare(dsn: str, namespace: str, since: timedelta, workflow: str | None, by: Sequence[Dimension]) -> Comparison:
    """The last `since` against the same length before it. Raises ServerUnreachable."""
    asked = {"namespace": namespace, "since": since, "workflow": workflow}
    with asking(dsn) as connection:
        counted = [Counted(*row) for row in connection.execute(COUNTS_SQL, asked)]
        suspect = worst(counted)
        makers: list[Counted] = []
        if suspect is not None and suspect.reason in JUDGES:
            of_one = {**asked, "workflow": suspect.workflow, "agent": suspect.agent, "reason": suspect.reason}
            makers = [Counted(*row) for row in connection.execute(MAKERS_SQL, of_one)]
    return compared(namespace, since, workflow, tuple(by), counted, suspect, makers)


def compared(
    namespace: str,
    since: timedelta,
    workflow: str | None,
    by: tuple[Dimension, ...],
    counted: Sequence[Counted],
    suspect: Culprit | None,
    makers: Sequence[Counted],
) -> Comparison:
    """The comparison, from the counts."""
    if suspect is not None:
        suspect = replace(suspect, maker=maker_of_what_failed(makers))
    return Comparison(
        namespace,
        workflow,
        since,
        by,
        changes(counted, by),
        sum(row.count for row in counted if row.now),
        sum(row.count for row in counted if not row.now),
        suspect,
    )


def maker_of_what_failed(makers: Sequence[Counted]) -> Change | None:
    """Who made what an agent failed on, when that tells more than that the agent failed.

    It does when that maker runs under a build that did not run before, or when what others made is as good as it was:
    else a change of the cases themselves would be laid at the door of whoever comes first.
    """
    made = changes(makers, ("agent", "build", "reason"))
    found = next((change for change in made if change.stands_out), None)
    if found is None:
        return None
    agent, build = found.group["agent"], found.group["build"]
    ran_before = any(not row.now and (row.agent, row.build) == (agent, build) for row in makers)
    stand_out = {(change.group["agent"], change.group["build"]) for change in made if change.stands_out}
    others = {(row.agent, row.build) for row in makers if row.now} - stand_out
    return found if others or not ran_before else None


def worst(counted: Sequence[Counted]) -> Culprit | None:
    """The agent, build and reason that got worse most surely; None when nothing stands out."""
    found = [change for change in changes(counted, DIMENSIONS) if change.stands_out]
    if not found:
        return None
    first = min(found, key=lambda change: (change.chance, -change.worse_by))
    group = first.group
    return Culprit(group["workflow"], group["agent"], group["build"], group["reason"], first)


def changes(counted: Sequence[Counted], by: Sequence[Dimension]) -> tuple[Change, ...]:
    """Every group that failed in one of the periods. What stands out comes first, then the worst."""
    grouped = tuple(dimension for dimension in by if dimension != "reason")
    compared_by = tuple(dimension for dimension in grouped if dimension != "build")
    turns: Counter[tuple[str, ...]] = Counter()
    turns_before: Counter[tuple[str, ...]] = Counter()
    failed: Counter[tuple[tuple[str, ...], str]] = Counter()
    failed_before: Counter[tuple[tuple[str, ...], str]] = Counter()
    for row in counted:
        reason = row.reason if "reason" in by else ""
        if row.now:
            turns[row.key(grouped)] += row.count
        else:
            turns_before[row.key(compared_by)] += row.count
        if row.reason == OK:
            continue
        if row.now:
            failed[row.key(grouped), reason] += row.count
        else:
            failed_before[row.key(compared_by), reason] += row.count
    found = []
    for group in turns:
        base = tuple(name for name, dimension in zip(group, grouped, strict=True) if dimension != "build")
        reasons = {reason for one, reason in failed if one == group}
        reasons |= {reason for one, reason in failed_before if one == base}
        for reason in reasons:
            now = Rate(failed[group, reason], turns[group])
            before = Rate(failed_before[base, reason], turns_before[base])
            named: dict[Dimension, str] = dict(zip(grouped, group, strict=True))
            said = {dimension: reason if dimension == "reason" else named[dimension] for dimension in by}
            found.append((said, now, before, chance_of_more(now.failed, now.turns, before.failed, before.turns)))
    together = len(found)  # Bonferroni: the more is compared, the more surely something looks odd
    made = [
        Change(said, now, before, chance, stands_out=chance * together < BY_CHANCE)
        for said, now, before, chance in found
    ]
    return tuple(sorted(made, key=lambda one: (not one.stands_out, -one.worse_by, *one.group.values())))
