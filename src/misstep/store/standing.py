"""How a case stands: its newest life, how one of its lives ended, at which state version, who brought it back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from misstep.bus.topics import Topics
from misstep.contracts.event import OPERATOR, extend_history
from misstep.store.connect import Connection

_STANDING: Final = """
SELECT k.case_id, k.epoch, newest.epoch, ended.outcome,
       p.agent, p.state_version, p.failure_reason::text, p.hash, p.kafka_topic, p.kafka_partition, p.kafka_offset,
       r.actor, r.claimed_at, r.how, r.plan, r.sent_at
FROM unnest(%(case_ids)s::text[], %(epochs)s::integer[]) AS k(case_id, epoch)
LEFT JOIN LATERAL (
    SELECT max(t.epoch) AS epoch FROM case_turns t
    WHERE t.case_id = k.case_id AND t.namespace = %(namespace)s AND t.workflow = %(workflow)s
) newest ON true
LEFT JOIN LATERAL (
    SELECT t.payload ->> 'outcome' AS outcome, t.prev_hash FROM case_turns t
    WHERE t.case_id = k.case_id AND t.namespace = %(namespace)s AND t.workflow = %(workflow)s
      AND t.epoch = k.epoch AND t.kind = 'outcome'
    ORDER BY t.occurred_at LIMIT 1
) ended ON true
LEFT JOIN LATERAL (
    SELECT * FROM case_turns t
    WHERE t.case_id = k.case_id AND t.namespace = %(namespace)s AND t.workflow = %(workflow)s
      AND t.epoch = k.epoch AND t.hash = ended.prev_hash
    ORDER BY t.occurred_at LIMIT 1
) p ON true
LEFT JOIN case_returns r ON r.namespace = %(namespace)s AND r.workflow = %(workflow)s
    AND r.case_id = k.case_id AND r.epoch = k.epoch + 1
"""
_ROWS: Final = """
SELECT hash, prev_hash, agent, kind, state_version, failure_reason::text, kafka_topic, kafka_partition, kafka_offset,
       traceparent
FROM case_turns WHERE case_id = %s AND namespace = %s AND workflow = %s AND epoch <= %s AND kind <> 'outcome'
"""
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LastVersion:
    """The state version that a life of a case ended with, and where it stands in Kafka."""

    agent: str
    version: int
    reason: str
    hash: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Returned:
    """Who gave a case its next life, or is about to."""

    actor: str
    at: datetime
    how: str
    """`redrive` or `answer`."""
    plan: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one life of a case stands, as far as the audit knows."""

    newest_epoch: int | None
    """None: the audit knows nothing of the case."""
    outcome: str | None
    """None: that life has not ended, or its end is not in the audit yet."""
    last: LastVersion | None
    returned: Returned | None


def standings(
    connection: Connection, namespace: str, workflow: str, lives: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Standing]:
    """How each (case id, epoch) stands. One question for all of them."""
    rows = connection.execute(
        _STANDING,
        {
            "namespace": namespace,
            "workflow": workflow,
            "case_ids": [case_id for case_id, _ in lives],
            "epochs": [epoch for _, epoch in lives],
        },
    )
    found = {}
    for row in rows:
        last = LastVersion(*row[4:11]) if row[4] is not None else None
        returned = Returned(*row[11:16]) if row[11] is not None else None
        found[row[0], row[1]] = Standing(row[2], row[3], last, returned)
    return found


def history_in_audit(
    connection: Connection, topics: Topics, case_id: str, epoch: int, last: LastVersion
) -> tuple[bytes, bytes | None]:
    """`ce_history` and traceparent of a version that Kafka no longer has, put together from the audit.

    Every version that it follows from, by their hashes. LookupError when one of them is not in the audit.
    """
    rows = connection.execute(_ROWS, [case_id, topics.namespace, topics.workflow, epoch]).fetchall()
    by_hash = {row[0]: row for row in rows}
    if last.hash not in by_hash:
        raise LookupError(f"the audit has no version with the hash {last.hash[:12]}…")
    parents: dict[str, tuple[object, ...]] = {}
    waiting = _HASH.findall(by_hash[last.hash][1] or "")
    while waiting:
        hashed = waiting.pop()
        if hashed in parents:
            continue
        if hashed not in by_hash:
            raise LookupError(f"the audit has no version with the hash {hashed[:12]}…")
        parents[hashed] = by_hash[hashed]
        waiting += _HASH.findall(by_hash[hashed][1] or "")
    history = b"[]"
    for _, _, agent, kind, version, reason, topic, partition, offset, _ in sorted(
        parents.values(),
        key=lambda row: (row[4], row[2]),
    ):
        step = agent if kind in ("case", "turn") and agent != OPERATOR else _beside(topics, str(agent), str(topic))
        history = extend_history(
            history, str(step), int(str(version)), int(str(partition)), int(str(offset)), str(reason)
        )
    traceparent = by_hash[last.hash][9]
    return history, traceparent.encode() if traceparent else None


def _beside(topics: Topics, agent: str, topic: str) -> str:
    """The name in histories of what stands in no agent's own topic."""
    if topic == topics.undo:
        return "undo" if agent == "undo" else f"{agent}.undo"
    return topics.step_name(topic)
