"""Writes one batch of messages and the step of its offsets in one Postgres transaction.

Three ways, each slower and surer than the one before: the bytes as they are; every row read carefully; one row at a
time, where the row that Postgres still refuses is kept as its bytes and the refusal. Only what Postgres says about the
data leads to the next way; what it says about itself (down, full, not migrated) is raised to the caller, who waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
import structlog

from misstep.bus.topics import Topics
from misstep.contracts.event import case_id_of
from misstep.store.careful_row import CarefulRows, DecodeAvro, headers_of
from misstep.store.checkpoints import forget_ended, forget_left_over
from misstep.store.connect import Connection
from misstep.store.kafka_message import KafkaMessage
from misstep.store.letter_row import INSERT_LETTER, letter_row
from misstep.store.months import ensure_month, ensure_months_ahead, worth_a_partition
from misstep.store.reasons import known_reasons
from misstep.store.sink_metrics import BATCH_SECONDS, BATCHES, LETTERS, REWRITTEN, ROWS
from misstep.store.sink_offsets import Place, step
from misstep.store.source import Source
from misstep.store.turn_columns import COPY_TURNS, SEPARATOR
from misstep.store.turn_row import FastRows

ROWS_A_WRITE = 250
MONTHS_AGAIN_S = 3600.0
REFUSED_REASONS_KEPT = 1_000

log = structlog.get_logger(__name__)

Messages = Sequence[tuple[KafkaMessage, Source]]
Letters = Sequence[tuple[Any, ...]]
Steps = Mapping[Place, tuple[int, int]]


def about_the_data(error: psycopg.Error) -> bool:
    """Whether Postgres refuses what was sent (a value, a constraint, a limit), rather than being in trouble itself."""
    return (error.sqlstate or "")[:2] in ("22", "23", "54")


def ended_in(turns: Messages) -> list[tuple[str, int]]:
    """Case and epoch of each outcome among these messages; one whose epoch cannot be read is left out."""
    ended = []
    for message, source in turns:
        if source.kind == "outcome":
            epoch = headers_of(message).get("ce_epoch", b"0")
            if epoch.isdigit() and len(epoch) < 10:
                ended.append(
                    (case_id_of(message.key(), message.topic(), message.partition(), message.offset()), int(epoch))
                )
    return ended


class BatchRecorder:
    """Writes batches over one connection; made anew with each connection."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        decode_avro: DecodeAvro | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._clock = clock
        self._reasons = {name.encode() for name in known_reasons(connection)}
        self._fast = FastRows(topics, self._reasons)
        self._careful = CarefulRows(topics, self._reasons, self._add_reason, decode_avro)
        self._months: set[bytes] = set()
        self._months_at = -MONTHS_AGAIN_S
        self._refused: set[str] = set()
        self._ended: list[tuple[str, int]] = []
        """Case and epoch of the batch's outcomes."""

    def record(self, batch: Messages, steps: Steps) -> None:
        """Write the batch, exactly once. Raises PlaceMoved, or psycopg.Error when Postgres is in trouble."""
        began = self._clock()
        self._keep_house(began)
        turns = [one for one in batch if one[1].kind != "letter"]
        letters = [
            letter_row(self._topics, self._careful, message, source)
            for message, source in batch
            if source.kind == "letter"
        ]
        self._ended = ended_in(turns)
        try:
            rewritten = self._as_it_is(letters, turns, steps)
        except psycopg.errors.UniqueViolation:
            rewritten = self._one_by_one(letters, turns, steps)
        except psycopg.Error as refusal:
            if not about_the_data(refusal):
                raise
            rewritten = self._carefully(letters, turns, steps)
        labels = (self._topics.namespace, self._topics.workflow)
        ROWS.labels(*labels).inc(len(turns))
        LETTERS.labels(*labels).inc(len(letters))
        REWRITTEN.labels(*labels).inc(rewritten)
        BATCHES.labels(*labels).inc()
        BATCH_SECONDS.labels(*labels).observe(self._clock() - began)

    def _as_it_is(self, letters: Letters, turns: Messages, steps: Steps) -> int:
        fast, careful = self._fast.row, self._careful.row
        rows = []
        rewritten = 0
        for message, source in turns:
            row = fast(message, source)
            if row is None:
                row = careful(message, source)
                rewritten += 1
            rows.append(row)
        self._copy(letters, rows, steps)
        return rewritten

    def _carefully(self, letters: Letters, turns: Messages, steps: Steps) -> int:
        self._reasons.clear()
        self._reasons.update(name.encode() for name in known_reasons(self._connection))
        try:
            self._copy(letters, [self._careful.row(message, source) for message, source in turns], steps)
        except psycopg.Error as refusal:
            if not about_the_data(refusal):
                raise
            return self._one_by_one(letters, turns, steps)
        return len(turns)

    def _copy(self, letters: Letters, rows: list[bytes], steps: Steps) -> None:
        self._make_months()
        connection = self._connection
        with connection.transaction(), connection.cursor() as cursor:
            step(connection, self._topics.audit_group(), steps)
            if letters:
                cursor.executemany(INSERT_LETTER, letters)
            if rows:
                with cursor.copy(COPY_TURNS) as copy:
                    for at in range(0, len(rows), ROWS_A_WRITE):
                        copy.write(b"".join(rows[at : at + ROWS_A_WRITE]))
            self._forget_checkpoints()

    def _one_by_one(self, letters: Letters, turns: Messages, steps: Steps) -> int:
        rows = [self._careful.row(message, source) for message, source in turns]
        self._make_months()
        connection = self._connection
        with connection.transaction(), connection.cursor() as cursor:
            step(connection, self._topics.audit_group(), steps)
            if letters:
                cursor.executemany(INSERT_LETTER, letters)
            for (message, source), row in zip(turns, rows, strict=True):
                self._surely(cursor, message, source, row)
            self._forget_checkpoints()
        return len(turns)

    def _forget_checkpoints(self) -> None:
        """What has its outcome needs no checkpoints any more. One statement, in the transaction of the rows."""
        if self._ended:
            forget_ended(self._connection, self._topics.namespace, self._topics.workflow, self._ended)

    def _surely(
        self, cursor: psycopg.Cursor[tuple[object, ...]], message: KafkaMessage, source: Source, row: bytes
    ) -> None:
        """One row, whatever it takes. A place that is taken holds either this very event, or one of a topic that was
        deleted since and wrote its event at the same offset and microsecond: then this one is put beside it."""
        bare: str | None = None
        later_us = 0
        while True:
            try:
                with self._connection.transaction(), cursor.copy(COPY_TURNS) as copy:
                    copy.write(row)
            except psycopg.errors.UniqueViolation:
                if self._is_recorded(row):
                    return
                later_us += 1
            except psycopg.Error as refusal:
                if not about_the_data(refusal) or bare is not None:
                    raise
                bare = str(refusal)
            else:
                return
            row = (
                self._careful.row(message, source, later_us=later_us)
                if bare is None
                else self._careful.bare_row(message, source, bare, later_us=later_us)
            )

    def _is_recorded(self, row: bytes) -> bool:
        """Whether the event of this row is in the audit: the same place and the same hash."""
        *_, hashed, _, topic, partition, offset = row.rstrip(b"\n").split(SEPARATOR)
        found = self._connection.execute(
            "SELECT FROM case_turns "
            "WHERE kafka_topic = %s AND kafka_partition = %s AND kafka_offset = %s AND hash = %s",
            [topic.decode(), int(partition), int(offset), hashed.decode()],
        ).fetchone()
        return found is not None

    def _make_months(self) -> None:
        """Make partitions for the months that the rows speak of, before their transaction begins."""
        for month in (self._fast.months | self._careful.months) - self._months:
            first = worth_a_partition(month.decode("ascii", "replace"))
            if first is not None:
                ensure_month(self._connection, first)
            self._months.add(month)
        self._fast.months.clear()
        self._careful.months.clear()

    def _keep_house(self, now: float) -> None:
        """Make the months to come, and forget what turns remembered after their case had ended."""
        if now - self._months_at >= MONTHS_AGAIN_S:
            ensure_months_ahead(self._connection)
            forget_left_over(self._connection, self._topics.namespace, self._topics.workflow)
            self._months_at = now

    def _add_reason(self, name: str) -> bool:
        """Make a reason's name known to Postgres. Never inside a batch's transaction, where it could not be used."""
        if name in self._refused:
            return False
        row = self._connection.execute("SELECT add_failure_reason(%s)", [name]).fetchone()
        if row and row[0]:
            self._reasons.add(name.encode())
            log.info("a failure reason was added", reason=name, workflow=self._topics.workflow)
            return True
        if len(self._refused) < REFUSED_REASONS_KEPT:
            self._refused.add(name)
        return False
