"""Handing over to the producer what finished turns write, chains of turns in layers (see `chain.py`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from misstep.agents.worker.chain import Chain, Delivery, Link
from misstep.agents.worker.foresight import Foresight, Misplaced
from misstep.contracts.event import Record

TAKEN_WITHIN_S = 5.0
"""What the brokers have not taken by then is given up, and with it the transaction."""


FIRST_WITHIN_S = 0.5
"""Offsets are told later than that without waiting for the first record."""


class Writes(Protocol):
    """A finished turn, as far as it is written."""

    records: list[Record]
    chain: Chain | None


class Writer:
    """Hands over to one producer. (Commit thread.)"""

    def __init__(self, producer: Producer, producing: threading.Lock, seam: Callable[[str], None]) -> None:
        """producing: held while records are handed over."""
        self._producer = producer
        self._producing = producing
        self._seam = seam
        self._foresight = Foresight()
        self._first: Delivery | None = None
        """Of this transaction's first record."""

    def write_turn(self, turn: Writes, *, probing: bool) -> None:
        """Hand over what a turn writes; of a chain the first turn's events. Raises KafkaException.

        probing: wait for the delivery of each turn, and carry nothing: a refusal fails its whole batch, and this finds
        whose it was.
        """
        if probing:
            if turn.chain is not None:
                turn.records, turn.chain = turn.chain.alone(), None
            self._write_and_wait(turn.records)
        elif turn.chain is not None:
            turn.chain.written = 0
            self._write_on(turn.chain)
        else:
            self._write(turn.records)

    def write_carried(self, batch: Sequence[Writes]) -> None:
        """Hand over what could not be handed over yet of the turns that were carried on, because it was not known where
        the events stand that they stand on: a layer at a time. Raises KafkaException."""
        chains = [turn.chain for turn in batch if turn.chain is not None]
        while chains:
            self._seam("between_layers")
            chains = [chain for chain in chains if chain.unwritten]
            for chain in chains:
                for link in chain.links[: chain.written]:
                    if link.carried and link.offset is None:
                        link.offset = self._place_of(link)
            with self._producing:
                for chain in chains:
                    self._write_on(chain)

    def await_first(self) -> None:
        """Wait a little until the brokers have taken something: the coordinator has then noted the transaction's
        partitions, and can be told of its offsets. (Told while it notes them, it would ask to be told again.)"""
        until = time.monotonic() + FIRST_WITHIN_S
        while self._first is not None and not self._first.known and time.monotonic() < until:
            self._producer.poll(0.1)

    def check_places(self, batch: Sequence[Writes]) -> None:
        """Wait until the brokers have said where the events stand that others name. Raises Misplaced when one of them
        does not stand where it was foreseen, and KafkaException."""
        for link in (link for turn in batch if turn.chain is not None for link in turn.chain.links if link.carried):
            if (place := self._place_of(link)) != link.offset:
                raise Misplaced(f"{link.event.topic} [{link.event.partition}] @ {place}, not {link.offset}")

    def committed(self) -> None:
        """The transaction is over."""
        self._first = None
        self._foresight.committed()

    def aborted(self) -> None:
        """The transaction was given up."""
        self._first = None
        self._foresight.forget()

    def _write_on(self, chain: Chain) -> None:
        """Go on with a chain as far as it is known, or foreseen, where its events stand."""
        for link in chain.links[chain.written :]:
            if any(one.offset is None for one in chain.layer(link.depth - 1) if one.carried):
                return
            self._write_link(link, [chain.located(record) for record in link.records] if link.depth else link.records)
            chain.written += 1

    def _write_link(self, link: Link, records: list[Record]) -> None:
        link.offset, link.delivery = None, Delivery()
        if link.carried:
            link.index, link.offset = self._hand_over(records[0], link.delivery)
            self._write(records[1:])
        else:
            self._write(records)

    def _place_of(self, link: Link) -> int:
        """Where the broker says that a turn's event stands."""
        delivery = link.delivery
        self._await(lambda: delivery.known)
        if delivery.error is not None:
            raise KafkaException(delivery.error)
        assert delivery.offset is not None
        self._foresight.stands(link.event.topic, link.event.partition, link.index, delivery.offset)
        return delivery.offset

    def _write(self, records: Sequence[Record]) -> None:
        for record in records:
            self._hand_over(record)

    def _write_and_wait(self, records: Sequence[Record]) -> None:
        deliveries = [Delivery() for _ in records]
        for record, delivery in zip(records, deliveries, strict=True):
            self._hand_over(record, delivery)
        self._await(lambda: all(delivery.known for delivery in deliveries))
        for delivery in deliveries:
            if delivery.error is not None:
                raise KafkaException(delivery.error)

    def _hand_over(self, record: Record, delivery: Delivery | None = None) -> tuple[int, int | None]:
        """Returns which record of its partition it is, and where it will stand as far as that can be foreseen."""
        if self._first is None:
            self._first = delivery = delivery or Delivery()
        foreseen = self._foresight.place(record.topic, record.partition)
        producer = self._producer
        while True:
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=record.headers,  # type: ignore[arg-type]
                    on_delivery=delivery,
                )
                return foreseen
            except BufferError:
                producer.poll(0.01)

    def _await(self, answered: Callable[[], bool]) -> None:
        """Not by `flush`: where the client raises a fatal error from one callback, that goes on to call the others,
        which then break with a SystemError; `poll` raises it."""
        until = time.monotonic() + TAKEN_WITHIN_S
        while not answered():
            if time.monotonic() > until:
                late = f"an event was not taken within {TAKEN_WITHIN_S:.0f} s"
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, late))
            self._producer.poll(0.1)
