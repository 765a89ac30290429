"""Ten thousand cases whose halves arrive in opposite order: every one meets, also when the join dies in the middle."""

from collections import Counter
from collections.abc import Sequence

import orjson
from confluent_kafka import Producer

from misstep.agents.emit import Emitter
from misstep.agents.inbound import Delivered, admit, header_map
from misstep.contracts import Contract, LocalSchemas, Reader
from misstep.contracts.event import Record, Timestamps, now_ms
from tests.joins.survey import Ask, Left, Middle, Opened, Right
from tests.worker import oracle
from tests.worker.conftest import PARTITIONS, Site

CASES = 10_000


class Writer:
    """Writes the events of agents that nobody runs."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._times = Timestamps()
        self._emitters = {
            name: Emitter(site.plan, agent, site.topics, "test") for name, agent in site.plan.agents.items()
        }
        self._readers = {name: Reader(agent.accepts, LocalSchemas()) for name, agent in site.plan.agents.items()}

    def answer(self, agent: str, message: Delivered, output: Contract) -> Record:
        """The event with which the agent answers a message."""
        at = now_ms()
        inbound = admit(
            self._site.plan,
            self._site.plan.agents[agent],
            self._readers[agent],
            self._site.topics,
            message,
            header_map(message.headers),
            now=self._times.text(at),
            deadline=lambda: Timestamps().text(at + 600_000),
            recall=_nothing,
        )
        assert inbound.misfit is None
        (record,) = self._emitters[agent].ok(
            inbound, output, now_ms=at, latency_ms=0, tokens=0, justification="", evidence={}
        )
        return record

    def halves(self, number: int) -> tuple[Record, Record]:
        """What both branches of a case say."""
        partition = number % PARTITIONS
        value = Ask(number=number).model_dump_json().encode()
        case = Delivered(self._site.topics.cases, partition, number, now_ms(), b"case-%d" % number, value, [])
        opened = _delivered(self.answer("open_file", case, Opened(number=number)), number)
        left = self.answer("ask_left", opened, Left(number=number))
        middle = _delivered(self.answer("ask_middle", opened, Middle(number=number)), number)
        return left, self.answer("ask_right", middle, Right(number=number))


def _nothing(topic: str, partition: int, offset: int) -> tuple[None, dict[str, bytes]]:
    raise LookupError(topic)


def _delivered(record: Record, offset: int) -> Delivered:
    return Delivered(record.topic, record.partition, offset, now_ms(), record.key, record.value, record.headers)


def send(site: Site, records: Sequence[Record]) -> None:
    producer = Producer({"bootstrap.servers": site.kafka, "linger.ms": 20})
    for record in records:
        producer.produce(record.topic, record.value, record.key, record.partition, headers=list(record.headers))
        producer.poll(0)
    assert producer.flush(60) == 0


def test_ten_thousand_cases_whose_halves_arrive_in_opposite_order(site: Site) -> None:
    writer = Writer(site)
    halves = [writer.halves(number) for number in range(CASES)]
    send(site, [left for left, _ in halves])
    victim = site.processes[site.start("victim", agents=["put_together", "close_file"], kill="after_produce:4")]
    assert victim.wait(60) == -9
    send(site, [right for _, right in reversed(halves)])
    survivor = site.processes[site.start("victim", agents=["put_together", "close_file"], kill="after_offsets:6")]
    assert survivor.wait(90) == -9
    last = site.processes[site.start("other", agents=["put_together", "close_file"])]
    ended = site.wait_for_outcomes(CASES, 150)
    outcomes = Counter(seen.text("ce_subject") for seen in ended)
    assert len(outcomes) == CASES
    assert set(outcomes.values()) == {1}
    assert {orjson.loads(seen.value or b"")["outcome"] for seen in ended} == {"completed"}
    met = Counter(seen.text("ce_subject") for seen in oracle.read_all(site.kafka, [site.topics.agent("put_together")]))
    assert set(met.values()) == {1}
    assert site.end(last) == 0
