"""Turns of one case in one transaction: each stands on the event of the one before it.

An event's history names where its parents stand, and where an event of this very transaction stands is known when the
broker has answered. So the turns run first, each on an event with a stand-in for its offset; then the events are
written in layers, and each layer is told where the one before it came to stand. (`ce_hash` does not cover
`ce_history`, so nothing has to be hashed again.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from misstep.agents.inbound import Delivered
from misstep.contracts.event import Record
from misstep.contracts.letter import PREFIX

CARRIED = "ce_carried"
_OFFSET = f"{PREFIX}offset"


@dataclass(slots=True, eq=False)
class Delivery:
    """What the brokers say of one record; until they do, neither offset nor error."""

    offset: int | None = None
    error: KafkaError | None = None

    @property
    def known(self) -> bool:
        """Have they answered?"""
        return self.offset is not None or self.error is not None

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self.error = error
        self.offset = None if error is not None else message.offset()


@dataclass(slots=True, eq=False)
class Link:
    """One turn of a chain: what it writes, and what it stands on."""

    records: list[Record]
    """Its state version first."""
    depth: int
    """0 for the turn that the worker was given; 1 for one on its event; and so on."""
    stand_in: int
    """What stands for its event's offset until the broker has answered: below -1, another one for each link."""
    carried: list[str] = field(default_factory=list)
    """The agents whose turns on its event are in the chain too."""
    index: int = 0
    """Which record of its transaction and partition its event is."""
    offset: int | None = None
    """Where its event stands, or is foreseen to stand."""
    delivery: Delivery = field(default_factory=Delivery)
    """Of its event, where others are carried on from it."""

    @property
    def event(self) -> Record:
        """Its state version."""
        return self.records[0]

    def delivered(self, timestamp_ms: int) -> Delivered:
        """Its event as the next turn reads it."""
        return _delivered(self.event, self.stand_in, timestamp_ms)


class Chain:
    """The turns that one message brought about in this worker, one or several."""

    __slots__ = ("links", "written")

    def __init__(self, records: list[Record]) -> None:
        """records: of the first turn."""
        self.links = [Link(records, 0, -2)]
        self.written = 0
        """So many of them have been handed over, in this attempt at a transaction."""

    def add(self, parent: Link, agent: str, records: list[Record]) -> Link:
        """A further turn, by `agent`, on the parent's event. Turns are added in the order of their depth."""
        link = Link(records, parent.depth + 1, -2 - len(self.links))
        self.links.append(link)
        parent.carried.append(agent)
        return link

    @property
    def unwritten(self) -> bool:
        """Is there something left to hand over?"""
        return self.written < len(self.links)

    def seal(self) -> list[Record]:
        """Say on each event whose turns on it are here too, so that their groups drop it. Returns all records."""
        for link in self.links:
            if link.carried:
                event = link.event
                said = (CARRIED, ",".join(link.carried).encode())
                link.records[0] = Record(event.topic, event.partition, event.key, event.value, [*event.headers, said])
        return [record for link in self.links for record in link.records]

    def alone(self) -> list[Record]:
        """The first turn's records, as if nothing had been carried: the others are left to their own groups."""
        first = self.links[0]
        event = first.event
        headers = [(name, value) for name, value in event.headers if name != CARRIED]
        return [Record(event.topic, event.partition, event.key, event.value, headers), *first.records[1:]]

    def layer(self, depth: int) -> list[Link]:
        """The turns that stand on so many events of this transaction."""
        return [link for link in self.links if link.depth == depth]

    def committed(self, timestamp_ms: int) -> Iterator[Delivered]:
        """The events that were carried on from, as who reads them from Kafka has them delivered."""
        for link in self.links:
            if link.offset is not None:
                yield _delivered(self.located(link.event), link.offset, timestamp_ms)

    def located(self, record: Record) -> Record:
        """A record with the places of this transaction's events in it, as far as they are written."""
        places = [(link.stand_in, link.offset) for link in self.links if link.offset is not None]
        return Record(
            record.topic,
            record.partition,
            record.key,
            record.value,
            [(name, _located(name, value, places)) for name, value in record.headers],
        )


def _delivered(event: Record, offset: int, timestamp_ms: int) -> Delivered:
    return Delivered(event.topic, event.partition, offset, timestamp_ms, event.key, event.value, list(event.headers))


def _located(name: str, value: bytes | None, places: Sequence[tuple[int, int]]) -> bytes | None:
    if value is not None and name == "ce_history":
        for stand_in, offset in places:
            value = value.replace(b',%d,"' % stand_in, b',%d,"' % offset)
    elif name == _OFFSET:
        for stand_in, offset in places:
            if value == b"%d" % stand_in:
                return b"%d" % offset
    return value
