"""Who brings which case back: one row for each life that somebody gives a case. Its key decides between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from misstep.store.connect import Connection

_CLAIM: Final = """
INSERT INTO case_returns (namespace, workflow, case_id, epoch, how, plan, letter, actor, reason, ops_from)
SELECT %(namespace)s, %(workflow)s, k.case_id, k.epoch, %(how)s, %(plan)s, k.letter, %(actor)s, %(reason)s, %(ops_from)s
FROM unnest(%(case_ids)s::text[], %(epochs)s::integer[], %(letters)s::bigint[]) AS k(case_id, epoch, letter)
ON CONFLICT DO NOTHING
RETURNING case_id, epoch
"""
_ROW: Final = "case_id, epoch, how, plan, letter, actor, reason, ops_from, claimed_at, sent_at"


@dataclass(frozen=True, slots=True)
class Return:
    """A life that somebody gives, or gave, a case."""

    case_id: str
    """As the audit stores it."""
    epoch: int
    how: str
    plan: str | None
    letter: int | None
    actor: str
    reason: str
    ops_from: int
    claimed_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimant:
    """On whose behalf cases are brought back."""

    namespace: str
    workflow: str
    how: str
    """`redrive` or `answer`."""
    actor: str
    reason: str
    plan: str | None = None


def claim(
    connection: Connection, who: Claimant, lives: Sequence[tuple[str, int, int | None]], ops_from: int
) -> set[tuple[str, int]]:
    """Claim (case id, new epoch, letter); returns those that nobody had claimed before."""
    rows = connection.execute(
        _CLAIM,
        {
            "namespace": who.namespace,
            "workflow": who.workflow,
            "how": who.how,
            "plan": who.plan,
            "actor": who.actor,
            "reason": who.reason,
            "ops_from": ops_from,
            "case_ids": [case_id for case_id, _, _ in lives],
            "epochs": [epoch for _, epoch, _ in lives],
            "letters": [letter for _, _, letter in lives],
        },
    )
    return {(row[0], row[1]) for row in rows}


def returns_of(
    connection: Connection, namespace: str, workflow: str, lives: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Return]:
    """Who has each (case id, new epoch)."""
    rows = connection.execute(
        f"""
        SELECT {_ROW} FROM case_returns
        JOIN unnest(%s::text[], %s::integer[]) AS k(case_id, epoch) USING (case_id, epoch)
        WHERE namespace = %s AND workflow = %s
        """,
        [[case_id for case_id, _ in lives], [epoch for _, epoch in lives], namespace, workflow],
    )
    return {(row[0], row[1]): Return(*row) for row in rows}


def unsent_of_plan(connection: Connection, plan: str) -> list[Return]:
    """What a plan has claimed and is not known to have sent."""
    rows = connection.execute(f"SELECT {_ROW} FROM case_returns WHERE plan = %s AND sent_at IS NULL", [plan])
    return [Return(*row) for row in rows]


def mark_sent(connection: Connection, namespace: str, workflow: str, lives: Sequence[tuple[str, int]]) -> None:
    """Their transaction is known to be committed."""
    connection.execute(
        """
        UPDATE case_returns r SET sent_at = coalesce(sent_at, clock_timestamp())
        FROM unnest(%s::text[], %s::integer[]) AS k(case_id, epoch)
        WHERE r.namespace = %s AND r.workflow = %s AND r.case_id = k.case_id AND r.epoch = k.epoch
        """,
        [[case_id for case_id, _ in lives], [epoch for _, epoch in lives], namespace, workflow],
    )


def take_over(connection: Connection, namespace: str, workflow: str, life: tuple[str, int], who: Claimant) -> bool:
    """Take an unsent life over from whoever claimed it and did not get to sending it; false when it was sent."""
    done = connection.execute(
        """
        UPDATE case_returns SET actor = %s, reason = %s, claimed_at = clock_timestamp()
        WHERE namespace = %s AND workflow = %s AND case_id = %s AND epoch = %s AND sent_at IS NULL
        """,
        [who.actor, who.reason, namespace, workflow, *life],
    )
    return done.rowcount == 1


def give_up(connection: Connection, plan: str) -> int:
    """Give back what a plan has claimed and not sent; returns how many there were."""
    return connection.execute("DELETE FROM case_returns WHERE plan = %s AND sent_at IS NULL", [plan]).rowcount
