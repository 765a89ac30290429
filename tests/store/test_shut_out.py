"""A sink whose place in the group was taken ends, so that it is restarted: it would be silent for ever."""

from __future__ import annotations

import threading
import time

from confluent_kafka import Consumer

from misstep.errors import MisstepError
from misstep.store.sink import Sink
from tests.store.conftest import Database, wait_until_recorded
from tests.store.synthetic import Workflow


def take_its_place(workflow: Workflow, instance: str) -> None:
    """Join once under the sink's own name, as its own late request does when a network was gone for a while."""
    group = workflow.topics.audit_group()
    ghost = Consumer(
        {
            "bootstrap.servers": workflow.bootstrap,
            "group.id": group,
            "group.instance.id": f"{group}.{instance}",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 6_000,
            "enable.auto.commit": False,
        }
    )
    ghost.subscribe([workflow.topics.cases])
    until = time.monotonic() + 20
    while not ghost.assignment() and time.monotonic() < until:
        ghost.poll(0.1)
    ghost.close()


def test_a_sink_whose_place_was_taken_says_so_and_ends(workflow: Workflow, db: Database, dsn: str) -> None:
    sink = Sink(workflow.bootstrap, dsn, workflow.topics, list(workflow.agents), instance="host-0")
    raised: list[BaseException] = []

    def run() -> None:
        try:
            sink.run(stop)
        except MisstepError as error:
            raised.append(error)

    stop = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        workflow.begin("case-1")
        workflow.flush()
        wait_until_recorded(db, workflow)
        take_its_place(workflow, "host-0")
        thread.join(40)
    finally:
        stop.set()
        thread.join(20)
    assert [str(error) for error in raised if "was shut out" in str(error)]
