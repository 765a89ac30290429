"""Faults of what producers send: bytes that are no events, the same case again, messages that are too large."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable

from confluent_kafka import KafkaError, Message, Producer

from misstep.bus.publish import CasePublisher
from misstep.bus.topics import Topics
from misstep.contracts.event import case_id_of
from misstep.testing.chaos import Fault, Place
from tests.chaos.site import Site

Headers = list[tuple[str, bytes]]
NUMBERED = [("ce_stateversion", b"abc"), ("ce_epoch", b"0"), ("ce_agent", b"price"), ("ce_route", b"next")]
HALF = [
    ("ce_stateversion", b"2"),
    ("ce_epoch", b"0"),
    ("ce_agent", b"reserve"),
    ("ce_route", b"next"),
    ("ce_failurereason", b"ok"),
    ("ce_history", b'[["cases",0,0,0,"ok"]'),
]


class _Sending(Fault[Site]):
    """Sends something every second, past the proxies."""

    touches = frozenset({"messages"})
    seconds = 6.0

    def start(self, site: Site, chance: random.Random) -> str:
        config = {"message.max.bytes": 2_097_152, "enable.idempotence": False, **site.cluster.insider}
        self.producer = Producer({**config, "log_level": 0})
        return self.send(site, chance)

    def during(self, site: Site, chance: random.Random) -> None:
        self.send(site, chance)

    @abstractmethod
    def send(self, site: Site, chance: random.Random) -> str:
        """Send; returns what was sent, in a few words."""

    def end(self, site: Site) -> None:
        self.producer.flush(30)


class Poison(_Sending):
    name = "poison"
    what = "bytes that are no events, in every topic of the namespace"

    def send(self, site: Site, chance: random.Random) -> str:
        for topic in site.topics:
            for headers in ([], NUMBERED, HALF):
                value = chance.choice([b"", b"\0\xff\xfe", b"{", b"[1,2]", chance.randbytes(300), b'{"number": "x"}'])
                key = f"poison-{chance.getrandbits(40):x}".encode()
                if chance.random() < 0.2 and not topic.endswith((".parked", ".control", ".contracts")):
                    key = b""  # a compacted topic would refuse it
                self.producer.produce(
                    topic, value, key or None, headers=headers, on_delivery=self._delivered(site, bool(headers))
                )
        self.producer.poll(0)
        return f"{len(site.topics)} topics, again and again"

    def _delivered(self, site: Site, with_headers: bool) -> Callable[[KafkaError | None, Message], None]:
        cases = {workflow.topics.cases for workflow in site.workflows}

        def note(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                return
            place = Place(message.topic() or "", message.partition() or 0, message.offset() or 0)
            case = case_id_of(message.key() or None, place.topic, place.partition, place.offset)  # type: ignore[arg-type]
            if place.topic in cases and not with_headers:
                site.due[case] = place.topic.split(".")[1]  # a case like any other, if a bad one: it ends
                return
            site.foreign.add(place)
            site.loose.add(case)

        return note


class Again(_Sending):
    name = "duplicates"
    what = "a producer sends cases again, out of order"
    seconds = 8.0

    def send(self, site: Site, chance: random.Random) -> str:
        sent = list(site.load.sent.items())
        publishers: dict[Topics, CasePublisher] = {}
        for case, (topics, value) in chance.sample(sent, min(25, len(sent))):
            if topics not in publishers:
                publishers[topics] = CasePublisher(site.cluster.bootstrap, topics, site.starts[topics.workflow])
            publishers[topics].publish(case, value)
        for publisher in publishers.values():
            publisher.flush(10)
        return "25 cases a second"


class Oversized(_Sending):
    name = "oversized"
    what = "cases larger than a case may be, and turns that emit more than an event may hold"

    def send(self, site: Site, chance: random.Random) -> str:
        topics = next(workflow.topics for workflow in site.workflows if workflow.topics.workflow == "line")
        case = f"oversized-{chance.getrandbits(40):x}"

        def noted(name: str) -> Callable[[KafkaError | None, Message], None]:
            def note(error: KafkaError | None, message: Message) -> None:
                if error is None:
                    site.due[name] = "line"

            return note

        large = b'{"number": 1, "padding": "' + b"x" * chance.choice([1_000_001, 1_500_000, 2_050_000]) + b'"}'
        self.producer.produce(topics.cases, large, case.encode(), on_delivery=noted(case))
        huge = b'{"number": 1, "script": {"price": ["huge"]}}'
        self.producer.produce(topics.cases, huge, f"{case}-out".encode(), on_delivery=noted(f"{case}-out"))
        self.producer.poll(0)
        return "the line, a case of each kind a second"
