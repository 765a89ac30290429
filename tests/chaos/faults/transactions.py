"""A transaction that a dead producer left open."""

from __future__ import annotations

import random
import subprocess
import sys

from misstep.testing.chaos import Fault
from tests.chaos.site import Site

TIMEOUT_MS = 12_000
STRANGER = """
import os, sys
from confluent_kafka import Producer
bootstrap, name, timeout, *topics = sys.argv[1:]
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "transaction.timeout.ms": timeout})
producer.init_transactions(20)
producer.begin_transaction()
for topic in topics:
    for partition in range(len(producer.list_topics(topic, 10).topics[topic].partitions)):
        producer.produce(topic, b"never", b"stranger", partition=partition)
producer.flush(20)
os._exit(9)
"""


class HangingTransaction(Fault[Site]):
    name = "hanging-transaction"
    what = "a producer dies with a transaction open in two topics: they stand still until it times out, after 12 s"
    touches = frozenset({"transactions"})
    seconds = 15.0

    def start(self, site: Site, chance: random.Random) -> str:
        workflow = chance.choice(site.workflows)
        topics = [workflow.topics.cases, workflow.topics.agent(chance.choice(workflow.agents))]
        command = [sys.executable, "-c", STRANGER, site.cluster.bootstrap, f"stranger-{chance.getrandbits(32):x}"]
        subprocess.run([*command, str(TIMEOUT_MS), *topics], check=False, timeout=60, stderr=subprocess.DEVNULL)
        return " and ".join(topics)

    def end(self, site: Site) -> None:
        return
