"""After `kill -9` of a worker: how long until its cases go on, in the same slot and in another.

A steady load, a read_committed reader that notes when each output becomes visible, and the longest silence on any
partition that the dead worker held.

    python bench/takeover.py [--rounds 3] [--rate 500] [--kafka HOST:PORT] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path

import hop
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from misstep.bus.topics import Topics

NEVER = multiprocessing.get_context("spawn").Event()


class Watch:
    """Notes when outputs become visible, by partition."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = hop.reader(bootstrap, topic)
        self.seen: dict[int, list[float]] = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.seen[message.partition() or 0].append(time.monotonic())

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def silence_after(self, at: float) -> float:
        """Longest time without an output on one partition, from `at` on."""
        longest = 0.0
        for times in self.seen.values():
            later = [at, *(t for t in times if t > at)]
            longest = max(longest, *(b - a for a, b in pairwise(later)), 0.0)
        return longest


def start(bootstrap: str, namespace: str, slot: str) -> BaseProcess:
    """A worker process."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=hop.run_misstep, args=(bootstrap, namespace, "hop", False, slot, NEVER), daemon=True
    )
    process.start()
    return process


def owner_of(bootstrap: str, topics: Topics) -> str:
    """The slot that reads partition 0 of the cases: killing it must be felt."""
    group = topics.group("check")
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for member in admin.describe_consumer_groups([group])[group].result().members:
        for place in member.assignment.topic_partitions:
            if place.topic == topics.cases and place.partition == 0:
                return str(member.group_instance_id)
    raise RuntimeError(f"nobody reads {topics.cases}")


def once(bootstrap: str, rate: int, elsewhere: bool) -> float:
    """Seconds of silence after one kill."""
    namespace = f"takeover-{uuid.uuid4().hex[:8]}"
    topics = Topics(namespace, "hop")
    hop.make_topics(bootstrap, topics.all(["check", "rest"]), 2)
    values = hop.loans()
    stop = threading.Event()

    def load() -> None:
        producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        number, began = 0, time.monotonic()
        while not stop.is_set():
            while number < (time.monotonic() - began) * rate:
                producer.produce(topics.cases, values[number % len(values)], f"case-{number}".encode())
                number += 1
            producer.poll(0.002)
        producer.flush(10)

    watch = Watch(bootstrap, topics.agent("check"))
    slots = ["a", "b"] if elsewhere else ["a"]
    workers = {slot: start(bootstrap, namespace, slot) for slot in slots}
    feeder = threading.Thread(target=load)
    feeder.start()
    time.sleep(6)
    victim = owner_of(bootstrap, topics)
    killed = time.monotonic()
    os.kill(workers[victim].pid or 0, signal.SIGKILL)
    if not elsewhere:
        workers["again"] = start(bootstrap, namespace, victim)
    time.sleep(11 if elsewhere else 5)
    stop.set()
    feeder.join()
    watch.close()
    for worker in workers.values():
        worker.kill()
    return watch.silence_after(killed)


def main() -> int:
    """Run the bench; prints two lines, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--kafka", help="a running broker; default: an embedded one of its own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def measure(bootstrap: str) -> dict[str, list[float]]:
        return {
            name: [round(once(bootstrap, options.rate, elsewhere), 2) for _ in range(options.rounds)]
            for name, elsewhere in (("same slot, restarted", False), ("another slot", True))
        }

    if options.kafka:
        found = measure(options.kafka)
    else:
        from misstep.dev.servers import down, up

        with tempfile.TemporaryDirectory(prefix="misstep-bench-") as directory:
            found = measure(str(up(Path(directory)).kafka.bootstrap_servers))
            down(Path(directory))
    if options.json:
        print(json.dumps(found))
    else:
        for name, seconds in found.items():
            print(f"{name:24} median {statistics.median(seconds):.2f} s of {seconds}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
