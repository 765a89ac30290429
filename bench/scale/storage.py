"""What events take on disk: as they are, and compressed as producers, brokers and Postgres can do it.

Real events of the five agents, read back with all their headers and written again in batches of a busy producer.

    python bench/scale/storage.py [--cases 3000]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from typing import Any

import chain
import load
import processes
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic
from measured import keep, keep_options
from run import stored_bytes
from servers import BenchServers, bench_servers, server_options

from misstep.bus.config import MESSAGE_MAX_BYTES, publisher_config, reader_config
from misstep.bus.provision import connect
from misstep.bus.topics import Topics
from misstep.logs import configure_logs

CODECS = ("none", "lz4", "zstd")


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300, help="not more than there are loans to tell apart")
    server_options(parser)
    keep_options(parser)
    options = parser.parse_args()
    configure_logs("error")
    with bench_servers(options) as servers:
        if servers.kafka_pid is None:
            parser.error("the size of a broker's files is read on its own machine: give --kafka-pid")
        report = bench(servers, options.cases)
    keep("storage", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0


def bench(servers: BenchServers, cases: int) -> dict[str, Any]:
    """Bytes an event under each codec."""
    topics = load.prepare(servers.kafka, 2, chain.AGENTS)
    ended = load.Counter(servers.kafka, topics.outcomes)
    load.publish(servers.kafka, topics, chain.values(), cases)
    with processes.worker(servers.kafka, topics.namespace, "bench-0", row=chain.AGENTS):
        ended.wait_for(cases)
    ended.close()
    names = [topics.cases, *(topics.agent(name) for name in chain.plan().agents), topics.outcomes]
    events = [message for name in names for message in _whole(servers.kafka, name, cases)]
    report: dict[str, Any] = {
        "events": len(events),
        "value_bytes": round(sum(len(message.value() or b"") for message in events) / len(events)),
        "header_bytes": round(
            sum(len(name) + len(value or b"") for one in events for name, value in one.headers() or ()) / len(events)
        ),
        "as_written": round(stored_bytes(servers.kafka_pid, f"{topics.namespace}.") / len(events)),
    }
    for codec in CODECS:
        report[codec] = round(_written_again(servers, topics, events, codec) / len(events))
    load.tidy(servers.kafka, topics)
    return report


def _whole(bootstrap: str, topic: str, most: int) -> list[Any]:
    """The messages of a topic."""
    consumer = Consumer(reader_config(bootstrap, "bench-storage", **{"fetch.wait.max.ms": 20}))
    partitions = consumer.list_topics(topic, 15).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[Any] = []
    ends = 0
    while ends < len(partitions) and len(found) < most:
        for message in consumer.consume(1_000, 1.0):
            if message.error() is None:
                found.append(message)
            else:
                ends += 1
    consumer.close()
    return found


def _written_again(servers: BenchServers, topics: Topics, events: list[Any], codec: str) -> int:
    """Bytes on disk of the events in a topic of their own, in batches as a busy producer makes them."""
    name = f"{topics.namespace}.{topics.workflow}.again-{codec}-{uuid.uuid4().hex[:6]}"
    config = {"max.message.bytes": str(MESSAGE_MAX_BYTES)}
    admin = connect(servers.kafka)
    for future in admin.create_topics([NewTopic(name, 1, 1, config=config)]).values():
        future.result()
    producer = Producer(publisher_config(servers.kafka, **{"compression.type": codec, "linger.ms": 10}))
    for number, message in enumerate(events):
        producer.produce(name, message.value(), message.key(), headers=message.headers())
        if number % 500 == 0:
            producer.poll(0)
            time.sleep(0.001)
    producer.flush(60)
    return stored_bytes(servers.kafka_pid, name)


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    return "\n".join(f"{name.replace('_', ' '):16}{value:>10,}" for name, value in report.items())


if __name__ == "__main__":
    sys.exit(main())
