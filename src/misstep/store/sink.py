"""The audit sink: every state version of a workflow into Postgres, exactly once.

One consumer group over all topics of a workflow. What is read is written in batches, rows and offsets in one
transaction (`record_batch`, `sink_offsets`); where reading begins is what Postgres says (`start_places`). While
Postgres is away the sink keeps its partitions, paused, and goes on polling, so that it stays a member of its group.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import psycopg
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from misstep.bus.client_log import client_logger
from misstep.bus.connection import connection
from misstep.bus.topics import Topics
from misstep.errors import MisstepError, ServerUnreachable
from misstep.store.careful_row import DecodeAvro
from misstep.store.connect import Connection, place
from misstep.store.impatience import hang_up_after
from misstep.store.kafka_message import KafkaMessage
from misstep.store.record_batch import BatchRecorder
from misstep.store.sink_metrics import LAG_RECORDS, LAG_SECONDS, POSTGRES_UP
from misstep.store.sink_offsets import Place, PlaceMoved, group_places
from misstep.store.sink_session import sink_session
from misstep.store.source import Source, sources
from misstep.store.start_places import start_places

BATCH_ROWS: Final = 5_000
BATCH_BYTES: Final = 16 * 1024 * 1024
POLL_S: Final = 0.2
LAG_EVERY_S: Final = 1.0
BACK_OFF_FIRST_S: Final = 0.1
BACK_OFF_MOST_S: Final = 5.0
PATIENCE_S: Final = 60.0
"""How long a batch may take before the server is taken for frozen."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the audit is behind the topics that this sink reads."""

    records: int
    seconds: float
    """Age of the newest event written while there are newer ones; 0 when everything is written."""


class Sink:
    """The audit sink of one workflow. Any number may run; Kafka shares the partitions out among them.

    `instance` is a name that is stable across restarts (host or pod, and index): a sink that comes back under its name
    within the session goes on at once. `linger` is how long events are gathered before they are written.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        dsn: str,
        topics: Topics,
        agents: Sequence[str],
        *,
        instance: str | None = None,
        linger: timedelta = timedelta(milliseconds=50),
        decode_avro: DecodeAvro | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._dsn = dsn
        self._topics = topics
        self._group = topics.audit_group()
        self._instance = instance
        self._linger_s = linger.total_seconds()
        self._decode_avro = decode_avro
        self._sources = sources(topics, agents)
        self._log = log.bind(namespace=topics.namespace, workflow=topics.workflow)
        self._labels = (topics.namespace, topics.workflow)

        self._connection: Connection | None = None
        self._recorder: BatchRecorder | None = None
        self._next: dict[Place, int] = {}
        """Partitions that are read, and the offset that Postgres holds for each."""
        self._unplaced: set[Place] = set()
        """Partitions that are ours, paused until Postgres says where to begin."""
        self._at_end: set[Place] = set()
        self._batch: list[tuple[KafkaMessage, Source]] = []
        self._full = False
        """The last batch was as large as a batch may be: more is waiting."""
        self._said: set[tuple[Place, int]] = set()
        """Kafka's complaints that were logged: each once."""
        self._touched: set[Place] = set()
        """Partitions that came or went during the last call of `consume`."""
        self._away_since: float | None = None
        self._not_before = 0.0
        self._back_off_s = BACK_OFF_FIRST_S
        self._lag = Lag(0, 0.0)
        self._lag_at = 0.0
        self._newest_ms: dict[Place, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Read and write until `stop` is set; what is in hand is then written, if Postgres is there.

        Raises MisstepError when another sink runs under the same `instance`.
        """
        self._consumer = Consumer(self._consumer_settings(), logger=client_logger("audit sink"))
        self._admin = AdminClient({**connection(self._bootstrap_servers), "log_level": 0})
        try:
            self._consumer.subscribe(
                list(self._sources), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )
            while not stop.is_set():
                self._gather(stop)
                if time.monotonic() >= self._not_before:
                    self._look_again()
                    self._place_the_unplaced()
                    self._write()
                self._measure_lag()
            if self._away_since is None:
                self._write()
        finally:
            self._consumer.close()
            self._forget_connection()

    def lag(self) -> Lag:
        """How far behind the audit was when it was last measured, at most a second or so ago."""
        return self._lag

    def _consumer_settings(self) -> dict[str, str | int | bool]:
        settings: dict[str, str | int | bool] = {
            **connection(self._bootstrap_servers),
            "group.id": self._group,
            "client.id": self._instance or self._group,
            "group.protocol": "classic",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 1_000,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            # An agent that is new has topics that are new.
            "topic.metadata.refresh.interval.ms": 10_000,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 20_000,
            "queued.max.messages.kbytes": 65_536,
        }
        if self._instance:
            settings["group.instance.id"] = f"{self._group}.{self._instance}"
        return settings

    # Reading

    def _gather(self, stop: threading.Event) -> None:
        """Wait for messages and add them to the batch; while Postgres is away only keep the membership alive."""
        if self._batch and self._away_since is not None:
            self._take(self._consumer.poll(min(POLL_S, max(0.0, self._not_before - time.monotonic()))))
            return
        first = self._consumer.poll(POLL_S)
        if first is None:
            return
        self._take(first)
        if self._linger_s and not self._full:  # behind, it does not wait for more
            stop.wait(self._linger_s)
        self._full = False
        size = 0
        while len(self._batch) < BATCH_ROWS and size < BATCH_BYTES:
            # consume(n, 0): a time-out would be waited out in steps of 200 ms.
            self._touched.clear()
            messages = self._consumer.consume(min(1_000, BATCH_ROWS - len(self._batch)), 0)
            if not messages:
                return
            self._drop_the_touched(messages)
            for message in messages:
                self._take(message)
                size += len(message)
        self._full = True

    def _take(self, message: Message | None) -> None:
        """Add a message to the batch, if its partition is ours and it is not written yet."""
        if message is None:
            return
        error = message.error()
        if error is not None:
            self._on_message_error(error, message)
            return
        whole = cast(KafkaMessage, message)
        at = (whole.topic(), whole.partition())
        if whole.offset() >= self._next.get(at, 1 << 63):
            self._at_end.discard(at)
            self._batch.append((whole, self._sources[at[0]]))

    def _drop_the_touched(self, messages: list[Message]) -> None:
        """A partition that went and came back within one call may have messages of both times in it: read it again."""
        if not self._touched:
            return
        mixed = {
            (message.topic() or "", message.partition() or 0) for message in messages if message.error() is None
        } & self._touched
        messages[:] = [one for one in messages if (one.topic() or "", one.partition() or 0) not in mixed]
        again = mixed & set(self._next)
        if again:
            self._unplace(list(again))

    def _on_message_error(self, error: KafkaError, message: Message) -> None:
        number = message.partition()
        at: Place = (message.topic() or "", -1 if number is None else number)
        if error.code() == KafkaError._PARTITION_EOF:
            self._at_end.add(at)
        elif error.fatal() or error.code() == KafkaError._FATAL:  # a message that tells of it is not marked as fatal
            raise MisstepError(
                f"the audit sink {self._instance or ''} of {self._group} was shut out ({error.str()}): another sink "
                "runs under the same name, or it was cut off for so long that Kafka took it for one; give each its "
                "own, and start it again"
            )
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE) and at in self._next:
            self._log.warning(
                "Kafka has no message at this offset", topic=at[0], partition=at[1], offset=self._next[at]
            )
            self._unplace([at])
        elif (at, error.code()) not in self._said:
            self._said.add((at, error.code()))
            self._log.warning("Kafka says", error=error.str(), topic=at[0] or None)

    # Partitions

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        came = [(one.topic, one.partition) for one in partitions]
        self._touched.update(came)
        try:
            starts = start_places(self._reach(), consumer, self._admin, self._group, came)
        except (psycopg.Error, ServerUnreachable, KafkaException) as error:
            self._in_trouble(error)
            consumer.incremental_assign([TopicPartition(*at, 0) for at in came])
            consumer.pause([TopicPartition(*at) for at in came])
            self._unplaced.update(came)
            return
        self._next |= starts
        consumer.incremental_assign([TopicPartition(*at, starts[at]) for at in came])
        # A pause outlives a revocation: a partition that was paused when it went would come back silent.
        consumer.resume([TopicPartition(*at) for at in came])
        if self._away_since is not None:
            consumer.pause([TopicPartition(*at) for at in came])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        went = {(one.topic, one.partition) for one in partitions}
        self._touched |= went
        self._batch = [one for one in self._batch if (one[0].topic(), one[0].partition()) not in went]
        self._at_end -= went
        self._unplaced -= went
        for at in went:
            self._next.pop(at, None)
            self._newest_ms.pop(at, None)
        consumer.incremental_unassign(partitions)

    def _unplace(self, places: Sequence[Place]) -> None:
        """Stop reading partitions until it is known again where to read them."""
        gone = set(places)
        self._batch = [one for one in self._batch if (one[0].topic(), one[0].partition()) not in gone]
        for at in gone:
            self._next.pop(at, None)
        self._at_end -= gone
        self._consumer.pause([TopicPartition(*at) for at in gone])
        self._unplaced |= gone

    def _place_the_unplaced(self) -> None:
        if not self._unplaced:
            return
        try:
            starts = start_places(self._reach(), self._consumer, self._admin, self._group, self._unplaced)
            for at, offset in starts.items():
                self._consumer.seek(TopicPartition(*at, offset))
        except (psycopg.Error, ServerUnreachable, KafkaException) as error:
            self._in_trouble(error)
            return
        self._out_of_trouble()
        self._unplaced -= set(starts)
        self._next |= starts
        self._consumer.resume([TopicPartition(*at) for at in starts])

    # Writing

    def _write(self) -> None:
        if not self._batch:
            return
        try:
            connection = self._reach()
        except (psycopg.Error, ServerUnreachable) as error:
            self._in_trouble(error)
            return
        if not self._batch:
            return
        steps: dict[Place, tuple[int, int]] = {}
        for message, _ in self._batch:
            at = (message.topic(), message.partition())
            steps[at] = (self._next[at], message.offset() + 1)
        try:
            assert self._recorder is not None
            with hang_up_after(connection, PATIENCE_S):
                self._recorder.record(self._batch, steps)
        except PlaceMoved as moved:
            self._log.info("another sink has written some of these events; reading where it stopped", places=str(moved))
            self._unplace(list(moved.stored))
            return
        except psycopg.Error as error:
            self._in_trouble(error)
            return
        for message, _ in self._batch:
            self._newest_ms[message.topic(), message.partition()] = message.timestamp()[1]
        for at, (_, following) in steps.items():
            self._next[at] = following
        self._batch = []
        self._out_of_trouble()

    def _look_again(self) -> None:
        """Notice that Postgres is back when there is nothing to write that would show it."""
        if self._away_since is None or self._batch or self._unplaced:
            return
        try:
            self._reach()
        except (psycopg.Error, ServerUnreachable) as error:
            self._in_trouble(error)
            return
        self._out_of_trouble()

    def _reach(self) -> Connection:
        if self._connection is None or self._connection.closed:
            connection = sink_session(self._dsn, self._group)
            try:
                recorder = BatchRecorder(connection, self._topics, self._decode_avro)
                stored = group_places(connection, self._group)
            except BaseException:
                connection.close()
                raise
            self._connection, self._recorder = connection, recorder
            POSTGRES_UP.labels(*self._labels).set(1)
            self._believe(stored)
        return self._connection

    def _believe(self, stored: Mapping[Place, int]) -> None:
        """Go where a server says that we are that was away: its last commit may have been done without our hearing it,
        and a crash or a fail-over may have lost commits that it had confirmed."""
        elsewhere = [at for at, following in self._next.items() if stored.get(at) != following]
        if elsewhere:
            self._log.info(
                "Postgres stands elsewhere than the sink did; reading again from there", places=len(elsewhere)
            )
            self._unplace(elsewhere)

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._recorder = None

    def _in_trouble(self, error: Exception) -> None:
        """Wait longer each time; one line when it begins, one when it is over."""
        server = "Kafka" if isinstance(error, KafkaException) else f"Postgres at {place(self._dsn)}"
        if not isinstance(error, KafkaException):
            self._forget_connection()
            POSTGRES_UP.labels(*self._labels).set(0)
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._log.warning("the audit sink waits; events stay in Kafka meanwhile", on=server, because=_line(error))
            self._consumer.pause(self._consumer.assignment())
        self._not_before = now + self._back_off_s
        self._back_off_s = min(self._back_off_s * 2, BACK_OFF_MOST_S)

    def _out_of_trouble(self) -> None:
        if self._away_since is None:
            return
        self._log.info("the audit sink goes on", waited_s=round(time.monotonic() - self._away_since, 1))
        self._away_since = None
        self._back_off_s = BACK_OFF_FIRST_S
        self._consumer.resume([TopicPartition(*at) for at in self._next])

    # Lag

    def _measure_lag(self) -> None:
        now = time.monotonic()
        if now - self._lag_at < LAG_EVERY_S:
            return
        self._lag_at = now
        records = 0
        seconds = 0.0
        for at, following in self._next.items():
            if at in self._at_end:
                continue
            _, end = self._consumer.get_watermark_offsets(TopicPartition(*at), cached=True)
            if end > following:
                records += end - following
                if at in self._newest_ms:
                    seconds = max(seconds, time.time() - self._newest_ms[at] / 1000)
        self._lag = Lag(records, seconds)
        LAG_RECORDS.labels(*self._labels).set(records)
        LAG_SECONDS.labels(*self._labels).set(seconds)


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
