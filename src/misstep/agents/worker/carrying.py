"""Carrying on: the worker that hosts the agent which comes next runs its turn too, in the same transaction.

Every event is written to its topic as ever; `ce_carried` on it names the agents whose turn on it is in the same
transaction, and their groups drop it by headers. What is not over at once ends the carrying: the event then reaches
the agent through Kafka, on whichever worker.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from misstep.agents.inbound import Delivered, header_map
from misstep.agents.subscription import Hears, Subscription
from misstep.agents.worker.chain import Chain, Link
from misstep.contracts.event import Record

QUICK_MS: Final = 5.0
"""Turns that take longer are not carried, and no chain of turns goes on after this; functions' time alone counts."""


class Carrier(Protocol):
    """Whose turns can be carried."""

    name: str

    def carry(self, message: Delivered, headers: Mapping[str, bytes]) -> tuple[list[Record], float] | None:
        """Run a turn on an event that is not committed yet: what it writes, and how long its function took in ms. None
        when it must reach the agent through Kafka."""
        ...


class Carrying:
    """Who, in this worker, comes next."""

    def __init__(self) -> None:
        self._heard: dict[str, list[tuple[Hears, Carrier]]] = {}

    def add(self, subscription: Subscription, carrier: Carrier) -> None:
        """An agent whose turns can be carried, and what it hears."""
        for topic, hears in subscription.heard.items():
            if hears is not None:
                self._heard.setdefault(topic, []).append((hears, carrier))

    def go_on(self, records: list[Record]) -> Chain | None:
        """Run what comes next of a turn that wrote these records; None when nothing does. (Whoever ran the turn.)"""
        if records[0].topic not in self._heard:
            return None
        chain = Chain(records)
        ends: deque[Link] = deque(chain.links)
        now_ms = int(time.time() * 1000)
        spent_ms = 0.0
        while ends:
            link = ends.popleft()
            listeners = self._heard.get(link.event.topic)
            if not listeners:
                continue
            headers = header_map(link.event.headers)
            for hears, carrier in listeners:
                if spent_ms > QUICK_MS or not hears(headers):
                    continue
                ran = carrier.carry(link.delivered(now_ms), headers)
                if ran is not None:
                    written, took_ms = ran
                    spent_ms += took_ms
                    ends.append(chain.add(link, carrier.name, written))
        return chain if len(chain.links) > 1 else None


Carry = Callable[[list[Record]], Chain | None]


def nothing_carried(records: list[Record]) -> None:
    """For a worker that does not carry on."""
