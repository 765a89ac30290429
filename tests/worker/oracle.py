"""An independent read_committed reader, and what must hold of everything that it has read."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from misstep.bus.message import headers_of
from misstep.bus.topics import Topics
from misstep.contracts.event import hash_of, hash_of_bare_case


@dataclass
class Seen:
    """One message of the log."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int

    def text(self, name: str) -> str:
        return self.headers.get(name, b"").decode()

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return self.text("ce_subject"), self.text("ce_epoch"), self.text("ce_stateversion"), self.text("ce_agent")


def read_all(bootstrap: str, topics: list[str]) -> list[Seen]:
    """Everything that a read_committed reader sees in the topics, up to their present end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "oracle",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }
    )
    places = [
        TopicPartition(topic, partition, OFFSET_BEGINNING)
        for topic in topics
        for partition in consumer.list_topics(topic, 10).topics[topic].partitions
    ]
    consumer.assign(places)
    left = {(place.topic, place.partition) for place in places}
    found = []
    while left:
        for message in consumer.consume(2_000, 1.0):
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                left.discard((message.topic(), message.partition()))
                continue
            headers = {name: value for name, value in headers_of(message) if value is not None}
            found.append(
                Seen(
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    message.key(),
                    message.value(),
                    headers,
                    message.timestamp()[1],
                )
            )
    consumer.close()
    return found


def wait_for(bootstrap: str, topic: str, count: int, timeout_s: float = 60) -> list[Seen]:
    """Read a topic again and again until it has `count` messages; what it had at the end in any case."""
    until = time.monotonic() + timeout_s
    while True:
        seen = read_all(bootstrap, [topic])
        if len(seen) >= count or time.monotonic() > until:
            return seen
        time.sleep(0.2)


def check(
    bootstrap: str, topics: Topics, agents: list[str], case_ids: set[str], *, born_broken: frozenset[str] = frozenset()
) -> dict[str, list[Seen]]:
    """Assert the promise over a whole workflow; returns the log by topic.

    Every case has exactly one outcome; a state version exists once; versions step by one; each hash is what its
    content says and chains to its parent's; histories point at the events that they name. `born_broken`: cases whose
    own headers were published broken, and so have no whole history.
    """
    names = [topics.cases, topics.outcomes, topics.dlq, topics.undo]
    names += [topic for agent in agents for topic in (topics.agent(agent), topics.failed(agent))]
    log = read_all(bootstrap, names)
    by_topic: dict[str, list[Seen]] = defaultdict(list)
    for seen in log:
        by_topic[seen.topic].append(seen)
    outcomes = Counter(seen.text("ce_subject") for seen in by_topic[topics.outcomes])
    assert set(outcomes) == case_ids, f"{len(case_ids - set(outcomes))} lost, {len(set(outcomes) - case_ids)} made up"
    assert not [case for case, count in outcomes.items() if count > 1], "a case with two outcomes"

    events = [seen for seen in log if seen.topic not in (topics.dlq, topics.cases)]
    twice = [identity for identity, count in Counter(seen.identity for seen in events).items() if count > 1]
    assert not twice, f"state versions that exist twice: {twice[:5]}"

    place = {(seen.topic, seen.partition, seen.offset): seen for seen in log}
    hashes: dict[str, set[bytes]] = defaultdict(set)
    for seen in by_topic[topics.cases]:
        case_id = (seen.key or b"").decode() or f"unkeyed-{seen.partition}-{seen.offset}"
        if "ce_hash" in seen.headers:
            hashes[case_id].add(seen.headers["ce_hash"])
        hashes[case_id].add(hash_of_bare_case(topics.workflow, case_id, seen.value))
    for seen in events:
        hashes[seen.text("ce_subject")].add(seen.headers["ce_hash"])
    for seen in events:
        assert hash_of(seen.headers, seen.value) == seen.headers["ce_hash"], f"forged: {seen.identity}"
        parents = seen.headers["ce_prevhash"].split(b",")  # several where branches of a fork meet
        assert set(parents) <= hashes[seen.text("ce_subject")], f"chain broken: {seen.identity}"
        if seen.text("ce_subject") in born_broken:
            continue
        history = orjson.loads(seen.headers["ce_history"])
        versions = [step[1] for step in history]  # branches of a fork share numbers
        assert versions == sorted(versions), f"version step: {seen.identity}"
        assert set(versions) == set(range(int(seen.text("ce_stateversion")))), f"version step: {seen.identity}"
        for agent, version, partition, offset, reason in history:
            if offset != -1:  # -1: it is in the same transaction, and nobody had to know where
                parent = place[topics.of_step(agent, reason), partition, offset]
                assert version == 0 or parent.text("ce_stateversion") == str(version)
                assert version == 0 or parent.text("ce_subject") == seen.text("ce_subject")
    return by_topic


def taken_for_killers(log: dict[str, list[Seen]]) -> list[str]:
    """Cases that were ended because they were believed to kill their process."""
    return [
        seen.text("ce_subject")
        for messages in log.values()
        for seen in messages
        if orjson.loads(seen.headers.get("ce_evidence") or b"{}").get("stage") == "process"
    ]
