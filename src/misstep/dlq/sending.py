"""Operator actions that must happen once: the events and their records in `{ns}.ops` in one Kafka transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer

from misstep.bus.config import producer_config
from misstep.contracts.event import Record
from misstep.errors import AnswerIsNo, ServerUnreachable

PATIENCE_S: Final = 30.0
FENCED: Final = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)


class Sender:
    """A transactional producer. Who opens it shuts out whoever had its id before, and ends what that one left open."""

    def __init__(
        self, bootstrap: str, transactional_id: str, *, seam: Callable[[str], None] = lambda name: None
    ) -> None:
        """seam: called before and after each commit; a test kills the process there. Raises ServerUnreachable."""
        self._bootstrap = bootstrap
        self._seam = seam
        # What the client has to say, the errors below say too; a command's output is not the place for it.
        self._producer = Producer(producer_config(bootstrap, transactional_id, log_level=0))
        try:
            self._producer.init_transactions(PATIENCE_S)
        except KafkaException as error:
            raise self._unreachable(error) from None

    def send(self, records: Sequence[Record]) -> None:
        """Write the records together, or none of them.

        Raises AnswerIsNo when somebody else has taken the id, and ServerUnreachable; whether the records were written
        is then to be read in `{ns}.ops`.
        """
        producer = self._producer
        failed: list[KafkaError] = []
        try:
            producer.begin_transaction()
            for record in records:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                )
            producer.flush(PATIENCE_S)
            self._seam("before_commit")
            self._commit()
            self._seam("after_commit")
        except KafkaException as error:
            code = error.args[0].code()
            if code in FENCED:
                raise AnswerIsNo("Somebody else has gone on with this; what was sent so far stays sent.") from None
            if failed:
                self._abort()
                raise AnswerIsNo(f"Kafka does not take it: {failed[0].str()}; nothing of it was sent.") from None
            self._abort()
            raise self._unreachable(error) from None

    def _commit(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._producer.commit_transaction(PATIENCE_S)
                return
            except KafkaException as error:
                # The same call again resumes the commit; an abort at that point could contradict what the broker did.
                if not error.args[0].retriable() or time.monotonic() > until:
                    raise

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(PATIENCE_S)
        except KafkaException:
            return  # the broker aborts it by itself, or the next one to open the id does

    def _unreachable(self, error: KafkaException) -> ServerUnreachable:
        return ServerUnreachable(
            f"Kafka at {self._bootstrap} does not answer ({error.args[0].str()}); run the same command again when it "
            "does: what was sent is not sent twice."
        )
