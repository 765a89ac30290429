"""Handing over to the producer what finished turns write, chains of turns in layers (see `chain.py`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from misstep.agents.worker.chain import Chain, Link
from misstep.contracts.event import Record

FLUSH_S = 5.0
"""A layer that the brokers have not taken by then is given up, and with it the transaction."""

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
    left = producer.flush(FLUSH_S)
    for chain in chains:
        for link in chain.layer(depth):
            if link.carried and link.offset is None:
                late = KafkaError(KafkaError._TIMED_OUT, f"{left} events were not taken within {FLUSH_S:.0f} s")
                raise KafkaException(link.error or late)


def _write_and_wait(producer: Producer, records: Sequence[Record]) -> None:
    refused: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error)

    _write(producer, records, delivered)
    producer.flush()
    if refused:
        raise KafkaException(refused[0])


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
