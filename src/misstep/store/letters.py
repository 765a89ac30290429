"""Dead letters as Postgres holds them: found, grouped, read whole, closed. Their trails say what was done with them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from misstep.store.connect import Connection
from misstep.store.stored_case_id import stored_case_id

ID_MAX: Final = 2**63 - 1

_LINE: Final = """
l.id, l.workflow, l.case_id, l.epoch, l.state_version, l.agent, l.reason::text, l.detail, l.fingerprint, l.attempts,
l.first_failure, l.last_failure, l.closed_at, l.emptied_at, l.trail
"""
_WHOLE: Final = f"""{_LINE},
l.origin_topic, l.origin_partition, l.origin_offset, l.origin_timestamp, l.origin_group, l.key, l.value, l.headers,
l.dlq_topic, l.dlq_partition, l.dlq_offset
"""


@dataclass(frozen=True)
class Selection:
    """Which letters are meant. Everything that is given must hold; letters that are closed only where asked for."""

    namespace: str
    workflow: str | None = None
    agent: str | None = None
    reason: str | None = None
    fingerprint: str | None = None
    case_id: str | None = None
    since: timedelta | None = None
    """Failed last within this time."""
    ids: tuple[int, ...] = ()
    closed: bool = False
    """Those that were brought back or discarded, too."""

    def as_json(self) -> dict[str, Any]:
        """For a plan's row: how its letters were chosen."""
        said: dict[str, Any] = {
            name: value
            for name in ("workflow", "agent", "reason", "fingerprint", "case_id")
            if (value := getattr(self, name)) is not None
        }
        if self.since is not None:
            said["since_seconds"] = self.since.total_seconds()
        if self.ids:
            said["ids"] = len(self.ids)
        return said

    def where(self) -> tuple[str, dict[str, Any]]:
        """As SQL over `dead_letters l`, and its parameters."""
        conditions = ["l.namespace = %(namespace)s"]
        given: dict[str, Any] = {"namespace": self.namespace}
        for name in ("workflow", "agent", "fingerprint"):
            if getattr(self, name) is not None:
                conditions.append(f"l.{name} = %({name})s")
                given[name] = getattr(self, name)
        if self.reason is not None:
            conditions.append("l.reason::text = %(reason)s")
            given["reason"] = self.reason
        if self.case_id is not None:
            conditions.append("l.case_id = %(case_id)s")
            given["case_id"] = stored_case_id(self.case_id)
        if self.since is not None:
            conditions.append("l.last_failure > now() - %(since)s")
            given["since"] = self.since
        if self.ids:
            conditions.append("l.id = ANY(%(ids)s)")
            given["ids"] = list(self.ids)
        if not self.closed and not self.ids:
            conditions.append("l.closed_at IS NULL")
        return " AND ".join(conditions), given


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A letter as a listing shows it: what happened, without its bytes."""

    id: int
    workflow: str
    case_id: str
    epoch: int
    version: int
    """Of the failure that killed it."""
    agent: str
    reason: str
    detail: str | None
    fingerprint: str
    attempts: int | None
    first_failure: datetime
    last_failure: datetime
    closed_at: datetime | None
    emptied_at: datetime | None
    trail: list[dict[str, Any]]

    @property
    def state(self) -> str:
        """`waits`, or what was done with it: `redriven`, `discarded`, `emptied`."""
        if self.closed_at is None:
            return "waits"
        did = [str(step.get("did")) for step in self.trail]
        return next((one for one in ("redriven", "discarded", "emptied") if one in did), "closed")


@dataclass(frozen=True, slots=True)
class Letter(LetterLine):
    """A letter whole."""

    origin_topic: str | None
    origin_partition: int | None
    origin_offset: int | None
    origin_timestamp: datetime | None
    origin_group: str | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    """Every header in its order; the envelope's (`dlq_...`) are the last ones."""
    topic: str
    partition: int
    offset: int

    @property
    def header_map(self) -> dict[str, bytes]:
        """Headers by name; of several with one name the last, and none without a value."""
        return {name: value for name, value in self.headers if value is not None}


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters that are alike: one reason, one agent, one detail but for its numbers and names."""

    workflow: str
    agent: str
    reason: str
    fingerprint: str
    count: int
    first_seen: datetime
    last_seen: datetime
    example: int
    """Id of the newest one."""
    detail: str | None
    """What the example says."""


def list_letters(connection: Connection, wanted: Selection, limit: int) -> tuple[list[LetterLine], int]:
    """The newest `limit` letters of a selection, and how many there are in all."""
    where, given = wanted.where()
    counted = connection.execute(f"SELECT count(*) FROM dead_letters l WHERE {where}", given).fetchone()
    rows = connection.execute(
        f"SELECT {_LINE} FROM dead_letters l WHERE {where} ORDER BY l.last_failure DESC, l.id DESC LIMIT %(limit)s",
        {**given, "limit": limit},
    )
    return [LetterLine(*row) for row in rows], counted[0] if counted else 0


def group_letters(connection: Connection, wanted: Selection, limit: int) -> tuple[list[LetterGroup], int]:
    """The `limit` largest groups of a selection, and how many groups there are in all."""
    where, given = wanted.where()
    rows = connection.execute(
        f"""
        WITH groups AS (
            SELECT l.workflow, l.agent, l.reason::text AS reason, l.fingerprint, count(*) AS letters,
                   min(l.first_failure) AS first_seen, max(l.last_failure) AS last_seen, max(l.id) AS example
            FROM dead_letters l WHERE {where}
            GROUP BY 1, 2, 3, 4
        )
        SELECT g.*, e.detail
        FROM (SELECT *, count(*) OVER () AS groups FROM groups ORDER BY letters DESC, last_seen DESC LIMIT %(limit)s) g
        JOIN dead_letters e ON e.id = g.example
        ORDER BY g.letters DESC, g.last_seen DESC
        """,
        {**given, "limit": limit},
    ).fetchall()
    return [LetterGroup(*(*row[:8], row[9])) for row in rows], rows[0][8] if rows else 0


def workflows_of(connection: Connection, wanted: Selection) -> list[str]:
    """The workflows of a selection's letters."""
    where, given = wanted.where()
    rows = connection.execute(f"SELECT DISTINCT l.workflow FROM dead_letters l WHERE {where} ORDER BY 1", given)
    return [row[0] for row in rows]


def ids_selected(connection: Connection, wanted: Selection) -> list[int]:
    """The ids of a selection, each case's letters in the order of its life."""
    where, given = wanted.where()
    rows = connection.execute(
        f"""
        SELECT id FROM (SELECT l.*, min(l.id) OVER (PARTITION BY l.workflow, l.case_id) AS begins
                        FROM dead_letters l WHERE {where}) l
        ORDER BY begins, epoch, state_version, id
        """,
        given,
    )
    return [row[0] for row in rows]


def read_letters(connection: Connection, namespace: str, ids: Sequence[int]) -> list[Letter]:
    """Letters whole, in the order of `ids`; what is not in this namespace is left out."""
    rows = connection.execute(
        f"SELECT {_WHOLE} FROM dead_letters l WHERE l.namespace = %s AND l.id = ANY(%s)", [namespace, list(ids)]
    )
    found = {row[0]: _letter(row) for row in rows}
    return [found[one] for one in ids if one in found]


def namespaces_of(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """In which namespace each letter is; ids that no letter has are left out."""
    return dict(connection.execute("SELECT id, namespace FROM dead_letters WHERE id = ANY(%s)", [list(ids)]).fetchall())


def add_to_trail(connection: Connection, steps: Mapping[int, Mapping[str, Any]], *, close: bool) -> None:
    """Write what was done with letters (by id) into their trails; with `close` they leave the listings.

    A step that a trail holds already is not written twice.
    """
    connection.execute(
        """
        UPDATE dead_letters l
        SET trail = l.trail || k.step::jsonb,
            closed_at = CASE WHEN %(close)s THEN coalesce(l.closed_at, clock_timestamp()) ELSE l.closed_at END
        FROM unnest(%(ids)s::bigint[], %(steps)s::text[]) AS k(id, step)
        WHERE l.id = k.id AND NOT l.trail @> k.step::jsonb
        """,
        {"ids": list(steps), "close": close, "steps": [orjson.dumps([one]).decode() for one in steps.values()]},
    )


def ids_kept_since(connection: Connection, namespace: str, workflow: str, keep_ms: int, limit: int) -> list[int]:
    """Letters that failed last longer ago than this, and still have their bytes."""
    rows = connection.execute(
        """
        SELECT id FROM dead_letters
        WHERE namespace = %s AND workflow = %s AND emptied_at IS NULL
          AND last_failure < now() - %s * interval '1 millisecond'
        ORDER BY last_failure DESC, id DESC LIMIT %s
        """,
        [namespace, workflow, keep_ms, limit],
    )
    return [row[0] for row in rows]


def empty_letters(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the bytes of letters; the row, and what it says of them, stays."""
    connection.execute(
        """
        UPDATE dead_letters SET key = NULL, value = NULL, headers = '[]', emptied_at = clock_timestamp()
        WHERE id = ANY(%s)
        """,
        [list(ids)],
    )


def outcomes_since(connection: Connection, letter: LetterLine, namespace: str) -> dict[int, str | None]:
    """How the later lives of a letter's case ended, by epoch; None: it still runs."""
    rows = connection.execute(
        "SELECT epoch, outcome FROM cases WHERE case_id = %s AND namespace = %s AND workflow = %s AND epoch > %s",
        [letter.case_id, namespace, letter.workflow, letter.epoch],
    )
    return dict(rows.fetchall())


def _letter(row: Sequence[Any]) -> Letter:
    columns = list(row)
    columns[22] = [(str(name), None if raw is None else base64.b64decode(raw)) for name, raw in columns[22]]
    for at in (20, 21):
        columns[at] = None if columns[at] is None else bytes(columns[at])
    return Letter(*columns)
