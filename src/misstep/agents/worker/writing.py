"""Handing over to the producer what finished turns write, chains of turns in layers (see `chain.py`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from misstep.agents.worker.chain import Chain, Link
from misstep.contracts.event import Record

TAKEN_WITHIN_S = 5.0
"""What the brokers have not taken by then is given up, and with it the transaction."""

OnDelivery = Callable[[KafkaError | None, Message], None]


class Writes(Protocol):
    """A finished turn, as far as it is written."""

    records: list[Record]
    chain: Chain | None


def write_turn(producer: Producer, turn: Writes, *, probing: bool) -> None:
    """Hand over what a turn writes; of a chain the first turn's events. Raises KafkaException.

    probing: wait for the delivery of each turn, and carry nothing: a refusal fails its whole batch, and this finds
    whose it was.
    """
    if probing:
        if turn.chain is not None:
            turn.records, turn.chain = turn.chain.alone(), None
        _write_and_wait(producer, turn.records)
    elif turn.chain is not None:
        first = turn.chain.links[0]
        _write_link(producer, first, first.records)
    else:
        _write(producer, turn.records)


def write_carried(
    producer: Producer, batch: Sequence[Writes], producing: threading.Lock, seam: Callable[[str], None]
) -> None:
    """Hand over the turns that were carried on from those of the batch, whose events have been handed over: a layer at
    a time, for an event's history names where the events before it stand. Raises KafkaException.

    producing: held while records are handed over.
    """
    chains = [turn.chain for turn in batch if turn.chain is not None]
    for depth in range(1, 1 + max((chain.depth for chain in chains), default=0)):
        chains = [chain for chain in chains if chain.depth >= depth]
        _await_places(producer, chains, depth - 1)
        seam("between_layers")
        with producing:
            for chain in chains:
                for link in chain.layer(depth):
                    _write_link(producer, link, [chain.located(record) for record in link.records])


def _write_link(producer: Producer, link: Link, records: list[Record]) -> None:
    link.offset = link.error = None
    _write(producer, records[:1], link.written if link.carried else None)
    _write(producer, records[1:])


def _await_places(producer: Producer, chains: Sequence[Chain], depth: int) -> None:
    """Wait until the brokers have said where the events of this layer stand."""
    for link in [link for chain in chains for link in chain.layer(depth) if link.carried]:
        _await(producer, lambda link=link: link.offset is not None or link.error is not None)  # type: ignore[misc]
        if link.error is not None:
            raise KafkaException(link.error)


def _write_and_wait(producer: Producer, records: Sequence[Record]) -> None:
    answers: list[KafkaError | None] = []
    _write(producer, records, lambda error, _: answers.append(error))
    _await(producer, lambda: len(answers) == len(records))
    for error in answers:
        if error is not None:
            raise KafkaException(error)


def _await(producer: Producer, answered: Callable[[], bool]) -> None:
    """Not by `flush`: where the client raises a fatal error from one callback, that goes on to call the others, which
    then break with a SystemError; `poll` raises it."""
    until = time.monotonic() + TAKEN_WITHIN_S
    while not answered():
        if time.monotonic() > until:
            late = f"an event was not taken within {TAKEN_WITHIN_S:.0f} s"
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, late))
        producer.poll(0.1)


def _write(producer: Producer, records: Sequence[Record], on_delivery: OnDelivery | None = None) -> None:
    for record in records:
        while True:
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=record.headers,  # type: ignore[arg-type]
                    on_delivery=on_delivery,
                )
                break
            except BufferError:
                producer.poll(0.01)
