"""A worker that joins takes its share of the work, not only of the partitions."""

from __future__ import annotations

import time
from typing import Protocol

import chain
import load
import processes
from confluent_kafka.admin import AdminClient

from misstep.bus.provision import connect

PARTITIONS = 4
PATIENCE_S = 40


class HasServers(Protocol):
    kafka: str


def owners(admin: AdminClient, group: str, topic: str) -> list[int]:
    """How many partitions of a topic each member of a group has; empty while the group is settling."""
    described = admin.describe_consumer_groups([group])[group].result()
    held = [
        sum(at.topic == topic for at in member.assignment.topic_partitions if member.assignment)
        for member in described.members
    ]
    return sorted(held) if sum(held) == PARTITIONS else []


def test_two_workers_that_start_one_after_the_other_share_every_busy_topic(servers: HasServers) -> None:
    admin = connect(servers.kafka)
    topics = load.prepare(servers.kafka, PARTITIONS, chain.AGENTS)
    try:
        with (
            processes.worker(servers.kafka, topics.namespace, "first", row=chain.AGENTS),
            processes.worker(servers.kafka, topics.namespace, "second", row=chain.AGENTS),
        ):
            wanted = [PARTITIONS // 2, PARTITIONS // 2]
            until = time.monotonic() + PATIENCE_S
            found: list[int] = []
            while time.monotonic() < until and found != wanted:
                time.sleep(0.5)
                found = owners(admin, topics.group("step_2"), topics.agent("step_1"))
                if len(found) == 2 and found[0] == 0 and time.monotonic() > until - PATIENCE_S + 10:
                    break  # settled, and not evenly
            assert found == wanted
    finally:
        load.tidy(servers.kafka, topics)
