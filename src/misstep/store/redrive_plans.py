"""Redrive plans and the letters that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from misstep.store.connect import Connection

_PLAN: Final = """
id, namespace, workflow, selection, repair, repair_sha, contracts, score, build, made_at, actor, reason, started_at,
watch_from, ended_at, ending, stopped
"""
_LETTER: Final = "letter, position, verdict, why, fields, value_sha, epoch, state, said, at"
COUNTED: Final = ("pass", "fail", "refused")

WENT_WELL: Final = "went well"
FAILED_AGAIN: Final = "failed again"
SENT: Final = "sent"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it was made, and how far its replay has come."""

    id: str
    namespace: str
    workflow: str
    selection: dict[str, Any]
    repair: str | None
    repair_sha: str | None
    contracts: dict[str, str]
    """Agent -> sha256 of what it accepted."""
    score: str
    build: str
    made_at: datetime
    actor: str | None
    reason: str | None
    started_at: datetime | None
    watch_from: dict[str, list[int]] | None
    """Topic -> offset by partition."""
    ended_at: datetime | None
    ending: str | None
    stopped: str | None
    """Why the last replay ended before its time."""


@dataclass(frozen=True, slots=True)
class PlannedLetter:
    """A letter in a plan."""

    letter: int
    position: int
    verdict: str
    why: str | None
    fields: dict[str, Any] | None
    value_sha: str | None
    epoch: int | None
    """The life that it was sent into."""
    state: str | None
    said: str | None
    at: datetime | None


def store_plan(connection: Connection, plan: StoredPlan, letters: Iterable[PlannedLetter]) -> None:
    """Write a new plan, whole or not at all."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO redrive_plans
                (id, namespace, workflow, selection, repair, repair_sha, contracts, score, build, made_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                plan.id,
                plan.namespace,
                plan.workflow,
                _json(plan.selection),
                plan.repair,
                plan.repair_sha,
                _json(plan.contracts),
                plan.score,
                plan.build,
                plan.made_at,
            ],
        )
        with cursor.copy(
            "COPY redrive_letters (plan, letter, position, verdict, why, fields, value_sha) FROM STDIN"
        ) as copy:
            for one in letters:
                fields = _json(one.fields) if one.fields else None
                copy.write_row((plan.id, one.letter, one.position, one.verdict, one.why, fields, one.value_sha))


def find_plan(connection: Connection, plan: str) -> StoredPlan | None:
    """One plan, of whatever namespace."""
    row = connection.execute(f"SELECT {_PLAN} FROM redrive_plans WHERE id = %s", [plan]).fetchone()
    return StoredPlan(*row) if row else None


def list_plans(connection: Connection, namespace: str, limit: int) -> list[tuple[StoredPlan, dict[str, int]]]:
    """The newest plans of a namespace, each with its letters counted by verdict and by state."""
    rows = connection.execute(
        f"SELECT {_PLAN} FROM redrive_plans WHERE namespace = %s ORDER BY made_at DESC LIMIT %s", [namespace, limit]
    ).fetchall()
    return [(StoredPlan(*row), counts_of(connection, row[0])) for row in rows]


def counts_of(connection: Connection, plan: str) -> dict[str, int]:
    """Letters that `pass`, `fail`, are `refused`; that were `sent`, `went_well`, `failed_again`; that are `left`."""
    row = connection.execute(
        """
        SELECT count(*) FILTER (WHERE verdict = 'pass'), count(*) FILTER (WHERE verdict = 'fail'),
               count(*) FILTER (WHERE verdict = 'refused' OR state = 'refused'),
               count(*) FILTER (WHERE state IN ('sent', 'went well', 'failed again')),
               count(*) FILTER (WHERE state = 'went well'), count(*) FILTER (WHERE state = 'failed again'),
               count(*) FILTER (WHERE verdict = 'pass' AND state IS NULL)
        FROM redrive_letters WHERE plan = %s
        """,
        [plan],
    ).fetchone()
    names = ("pass", "fail", "refused", "sent", "went_well", "failed_again", "left")
    return dict(zip(names, row or (0,) * len(names), strict=True))


def planned_letters(
    connection: Connection, plan: str, *, verdict: str | None = None, limit: int | None = None
) -> list[PlannedLetter]:
    """The letters of a plan in their order."""
    rows = connection.execute(
        f"SELECT {_LETTER} FROM redrive_letters WHERE plan = %(plan)s "
        "AND (%(verdict)s::text IS NULL OR verdict = %(verdict)s) ORDER BY position LIMIT %(limit)s",
        {"plan": plan, "verdict": verdict, "limit": limit},
    )
    return [PlannedLetter(*row) for row in rows]


def why_not(connection: Connection, plan: str) -> list[tuple[str, str, int, int]]:
    """What keeps letters from passing: (verdict, why, how many, one of them), the most frequent first."""
    rows = connection.execute(
        """
        SELECT verdict, coalesce(why, ''), count(*), min(letter) FROM redrive_letters
        WHERE plan = %s AND verdict <> 'pass' GROUP BY 1, 2 ORDER BY 3 DESC, 2
        """,
        [plan],
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def field_counts(connection: Connection, plan: str) -> list[tuple[str, str, int, int]]:
    """What is wrong field by field: (field, what is said of it, how many letters, one of them)."""
    rows = connection.execute(
        """
        SELECT f.key, f.value #>> '{}', count(*), min(letter)
        FROM redrive_letters, jsonb_each(fields) f
        WHERE plan = %s AND verdict = 'fail' AND fields IS NOT NULL
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
        """,
        [plan],
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def begin_replay(
    connection: Connection, plan: str, actor: str, reason: str, watch_from: Mapping[str, Sequence[int]]
) -> None:
    """Note who replays the plan; where watching begins is noted once, before the first letter is sent."""
    connection.execute(
        """
        UPDATE redrive_plans
        SET actor = %s, reason = %s, started_at = clock_timestamp(), stopped = NULL,
            watch_from = coalesce(watch_from, %s::jsonb)
        WHERE id = %s
        """,
        [actor, reason, _json(watch_from), plan],
    )


def end_replay(connection: Connection, plan: str, *, ending: str | None = None, stopped: str | None = None) -> None:
    """Note that the plan is done or abandoned, or why its replay stopped before its time."""
    connection.execute(
        """
        UPDATE redrive_plans SET ending = %(ending)s, stopped = %(stopped)s,
            ended_at = CASE WHEN %(ending)s::text IS NULL THEN NULL ELSE clock_timestamp() END
        WHERE id = %(plan)s
        """,
        {"plan": plan, "ending": ending, "stopped": stopped},
    )


def note_letters(
    connection: Connection, plan: str, letters: Sequence[int], state: str, *, said: Sequence[str | None] | None = None
) -> None:
    """What came of letters. A state that says more is not taken back by one that says less."""
    connection.execute(
        """
        UPDATE redrive_letters r SET state = %(state)s, said = coalesce(k.said, r.said), at = clock_timestamp()
        FROM unnest(%(letters)s::bigint[], %(said)s::text[]) AS k(letter, said)
        WHERE r.plan = %(plan)s AND r.letter = k.letter
          AND (r.state IS NULL OR (r.state = 'sent' AND %(state)s <> 'sent'))
        """,
        {"plan": plan, "letters": list(letters), "state": state, "said": list(said or [None] * len(letters))},
    )


def note_epochs(connection: Connection, plan: str, epochs: Mapping[int, int]) -> None:
    """The life that each letter was sent into."""
    connection.execute(
        """
        UPDATE redrive_letters r SET epoch = k.epoch
        FROM unnest(%s::bigint[], %s::integer[]) AS k(letter, epoch) WHERE r.plan = %s AND r.letter = k.letter
        """,
        [list(epochs), list(epochs.values()), plan],
    )


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
