"""Waiting until consumer groups have their partitions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from misstep.errors import MisstepError

POLL_S = 0.1


def await_groups(
    admin: AdminClient, groups: Collection[str], within_s: float, log: Path, meanwhile: Callable[[], None]
) -> None:
    """Wait until each group has members that hold partitions. Raises MisstepError, naming the members' log."""
    until = time.monotonic() + within_s
    waiting = set(groups)
    while True:
        meanwhile()
        for group, future in admin.describe_consumer_groups(sorted(waiting)).items():
            try:
                said = future.result()
            except KafkaException:
                continue  # its coordinator is not there yet
            if said.state == ConsumerGroupState.STABLE and any(
                member.assignment and member.assignment.topic_partitions for member in said.members
            ):
                waiting.discard(group)
        if not waiting:
            return
        if time.monotonic() > until:
            raise MisstepError(
                f"{sorted(waiting)[0]} has no partitions after {within_s:g} s; the agents' log is {log}."
            )
        time.sleep(POLL_S)
