"""The manual queue: escalated cases that wait for a person, and who is at work on which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from misstep.store.connect import Connection
from misstep.store.stored_case_id import stored_case_id

_WAITING: Final = """
WITH ended AS (
    -- Cut off here where nothing below leaves rows out: what follows is asked for each of them.
    SELECT o.workflow, o.case_id, o.epoch, o.occurred_at, r.actor, r.claimed_at
    FROM case_turns o
    LEFT JOIN case_returns r ON r.namespace = o.namespace AND r.workflow = o.workflow AND r.case_id = o.case_id
        AND r.epoch = o.epoch + 1
    WHERE o.namespace = %(namespace)s AND o.kind = 'outcome' AND o.payload ->> 'outcome' = 'escalated'
      AND (%(workflow)s::text IS NULL OR o.workflow = %(workflow)s)
      AND (%(case_id)s::text IS NULL OR o.case_id = %(case_id)s)
      AND (%(since)s::interval IS NULL OR o.occurred_at > now() - %(since)s::interval)
      AND r.sent_at IS NULL
      AND NOT EXISTS (
          SELECT FROM case_turns n WHERE n.case_id = o.case_id AND n.namespace = o.namespace
            AND n.workflow = o.workflow AND n.epoch > o.epoch
      )
    ORDER BY o.occurred_at DESC
    LIMIT CASE WHEN %(agent)s::text IS NULL AND %(reason)s::text IS NULL THEN %(limit)s::bigint END
)
SELECT o.workflow, o.case_id, o.epoch, o.occurred_at, e.agent, e.failure_reason::text, e.failure_detail, e.payload,
       e.kafka_topic, e.kafka_partition, e.kafka_offset,
       c.actor, c.claimed_at, c.expires_at, o.actor, o.claimed_at
FROM ended o
JOIN LATERAL (
    SELECT * FROM case_turns t
    WHERE t.case_id = o.case_id AND t.namespace = %(namespace)s AND t.workflow = o.workflow AND t.epoch = o.epoch
      AND t.kind = 'turn' AND t.route = 'escalate' AND t.contract LIKE 'misstep.escalated@%%'
    ORDER BY t.state_version DESC, t.occurred_at DESC LIMIT 1
) e ON true
LEFT JOIN queue_claims c ON c.namespace = %(namespace)s AND c.workflow = o.workflow AND c.case_id = o.case_id
    AND c.epoch = o.epoch AND c.expires_at > clock_timestamp()
WHERE (%(agent)s::text IS NULL OR e.agent = %(agent)s OR e.payload -> 'evidence' -> 'failed_in' ->> 0 = %(agent)s)
  AND (%(reason)s::text IS NULL OR e.failure_reason::text = %(reason)s)
ORDER BY o.occurred_at DESC
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An escalated case that waits for a person."""

    workflow: str
    case_id: str
    """As the audit stores it."""
    epoch: int
    since: datetime
    agent: str
    """Whose state version escalated it: the agent that failed, or the join that carried a branch's failure out."""
    reason: str
    detail: str | None
    escalated: Any
    """The payload of misstep.escalated, as JSON."""
    topic: str
    """Where the escalated version stands."""
    partition: int
    offset: int
    claimed_by: str | None
    """Who is at work on it; None: nobody, or not any more."""
    claimed_at: datetime | None
    claim_ends: datetime | None
    answered_by: str | None
    """Who has begun to answer it and is not known to have got through."""
    answered_at: datetime | None

    @property
    def failed_in(self) -> str:
        """The agent that could not go on: on a branch of a fork another than the one that escalated."""
        evidence = self.escalated.get("evidence") if isinstance(self.escalated, dict) else None
        named = evidence.get("failed_in") if isinstance(evidence, dict) else None
        return str(named[0]) if isinstance(named, list) and named else self.agent

    @property
    def suggestions(self) -> list[Any]:
        """What the agent offers as answers."""
        found = self.escalated.get("suggestions") if isinstance(self.escalated, dict) else None
        return found if isinstance(found, list) else []

    @property
    def payload(self) -> Any:
        """What the agent had received; None when that cannot be read."""
        return self.escalated.get("payload") if isinstance(self.escalated, dict) else None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is at work on a case, and until when nobody else is."""

    actor: str
    claimed_at: datetime
    expires_at: datetime
    stolen_from: str | None


def waiting_cases(
    connection: Connection,
    namespace: str,
    *,
    workflow: str | None = None,
    case_id: str | None = None,
    agent: str | None = None,
    reason: str | None = None,
    since: timedelta | None = None,
    limit: int = 50,
) -> list[Waiting]:
    """The cases that wait, the newest first."""
    rows = connection.execute(
        _WAITING,
        {
            "namespace": namespace,
            "workflow": workflow,
            "case_id": None if case_id is None else stored_case_id(case_id),
            "agent": agent,
            "reason": reason,
            "since": since,
            "limit": limit,
        },
    )
    return [Waiting(*row) for row in rows]


def lives_of(connection: Connection, namespace: str, case_id: str) -> Sequence[tuple[str, int, str | None]]:
    """(workflow, epoch, outcome) of every life of a case."""
    rows = connection.execute(
        "SELECT workflow, epoch, outcome FROM cases WHERE case_id = %s AND namespace = %s ORDER BY workflow, epoch",
        [stored_case_id(case_id), namespace],
    )
    return [(row[0], row[1], row[2]) for row in rows]


def claim_case(
    connection: Connection, namespace: str, waiting: Waiting, actor: str, lasts: timedelta, *, steal: bool
) -> tuple[bool, Claim]:
    """Claim a case for so long. Returns whether it is ours, and whose it is.

    One's own claim is prolonged, one that has run out is taken, and with `steal` anybody's.
    """
    key = [namespace, waiting.workflow, waiting.case_id, waiting.epoch]
    row = connection.execute(
        """
        INSERT INTO queue_claims AS q (namespace, workflow, case_id, epoch, actor, expires_at)
        VALUES (%s, %s, %s, %s, %s, clock_timestamp() + %s)
        ON CONFLICT (namespace, workflow, case_id, epoch) DO UPDATE
        SET actor = excluded.actor, claimed_at = clock_timestamp(), expires_at = excluded.expires_at,
            stolen_from = CASE WHEN q.actor <> excluded.actor AND q.expires_at > clock_timestamp() THEN q.actor END
        WHERE q.actor = excluded.actor OR q.expires_at <= clock_timestamp() OR %s
        RETURNING actor, claimed_at, expires_at, stolen_from
        """,
        [*key, actor, lasts, steal],
    ).fetchone()
    if row is not None:
        return True, Claim(*row)
    held = connection.execute(
        """
        SELECT actor, claimed_at, expires_at, stolen_from FROM queue_claims
        WHERE namespace = %s AND workflow = %s AND case_id = %s AND epoch = %s
        """,
        key,
    ).fetchone()
    assert held is not None
    return False, Claim(*held)


def drop_claim(connection: Connection, namespace: str, waiting: Waiting) -> None:
    """The case is answered: nobody is at work on it any more."""
    connection.execute(
        "DELETE FROM queue_claims WHERE namespace = %s AND workflow = %s AND case_id = %s AND epoch = %s",
        [namespace, waiting.workflow, waiting.case_id, waiting.epoch],
    )
