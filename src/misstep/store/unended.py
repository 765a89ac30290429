"""Cases that have come to no end: asked for by the time of their events, a slice at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from misstep.store.connect import Connection

_UNENDED: Final = """
SELECT DISTINCT t.case_id, t.epoch FROM case_turns t
WHERE t.occurred_at > %(after)s AND t.occurred_at <= %(until)s AND t.namespace = %(namespace)s
  AND t.workflow = %(workflow)s AND t.kind IN ('turn', 'operator')
  AND NOT EXISTS (
    SELECT FROM case_turns o WHERE o.case_id = t.case_id AND o.namespace = t.namespace AND o.epoch = t.epoch
      AND o.workflow = t.workflow AND o.kind IN ('outcome', 'undo')
  )
"""
_VERSIONS: Final = """
SELECT agent, state_version, kind, split_part(coalesce(contract, ''), '@', 1), coalesce(route, ''), hash,
       coalesce(prev_hash, ''), kafka_topic, kafka_partition, kafka_offset
FROM case_turns WHERE case_id = %s AND namespace = %s AND workflow = %s AND epoch = %s
ORDER BY state_version, agent
"""
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A row of `case_turns`, as far as it tells where a case stands."""

    agent: str
    version: int
    kind: str
    contract: str
    route: str
    hash: str
    prev_hashes: frozenset[str]
    topic: str
    partition: int
    offset: int


def unended(
    connection: Connection, namespace: str, workflow: str, after: datetime, until: datetime
) -> list[tuple[str, int]]:
    """(case id, epoch) of the cases with an event in a slice of time that have not ended and are not taken back."""
    given: Mapping[str, Any] = {"namespace": namespace, "workflow": workflow, "after": after, "until": until}
    return [(case_id, epoch) for case_id, epoch in connection.execute(_UNENDED, given)]


def versions_of(connection: Connection, namespace: str, workflow: str, case_id: str, epoch: int) -> list[VersionRow]:
    """Every event of one life of a case."""
    rows = connection.execute(_VERSIONS, [case_id, namespace, workflow, epoch])
    return [
        VersionRow(agent, version, kind, contract, route, own, frozenset(_HASH.findall(previous)), *place)
        for agent, version, kind, contract, route, own, previous, *place in rows
    ]
