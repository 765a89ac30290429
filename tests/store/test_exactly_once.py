"""Every event becomes one row, whoever is killed, frozen or joined in the meantime."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.store.conftest import Database, places, recorded, running_sink, wait_until, wait_until_recorded
from tests.store.synthetic import Workflow

SCRIPT = Path(__file__).with_name("sink_process.py")


def start(workflow: Workflow, dsn: str, instance: str = "") -> subprocess.Popen[bytes]:
    topics = workflow.topics
    where = [workflow.bootstrap, dsn, topics.namespace, topics.workflow]
    return subprocess.Popen([sys.executable, str(SCRIPT), *where, instance, *workflow.agents])


def publish(workflow: Workflow, cases: int, name: str = "case") -> None:
    for number in range(cases):
        case = workflow.begin(f"{name}-{number}")
        workflow.turn(case, "extract", "latency_blow", route="to:extract_fallback", detail="no answer")
        headers = workflow.turn(case, "extract_fallback")
        workflow.turn(case, "post_entry")
        workflow.end(case)
        if number % 50 == 0:
            workflow.bury(case, "extract", "latency_blow", "no answer", b"\x00\xff", headers)
    workflow.flush()


def test_a_sink_killed_again_and_again_writes_every_event_once(workflow: Workflow, db: Database, dsn: str) -> None:
    chance = random.Random(20)
    publish(workflow, 3_000, "early")
    publisher = threading.Thread(target=publish, args=(workflow, 3_000, "late"))
    publisher.start()
    kills_with_work_left = 0
    for _ in range(5):
        before = recorded(db, workflow)
        process = start(workflow, dsn, "host-0")
        try:
            wait_until(lambda: recorded(db, workflow) > before or before == workflow.written)  # noqa: B023
            time.sleep(chance.uniform(0, 0.08))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills_with_work_left += recorded(db, workflow) < workflow.written
    publisher.join()
    process = start(workflow, dsn, "host-0")
    try:
        wait_until_recorded(db, workflow)
    finally:
        process.kill()
        process.wait()
    assert places(db, workflow) == workflow.written
    assert kills_with_work_left >= 3


def test_sinks_that_come_and_go_share_the_work_and_write_every_event_once(
    workflow: Workflow, db: Database, dsn: str
) -> None:
    publisher = threading.Thread(target=publish, args=(workflow, 5_000))
    publisher.start()
    with ExitStack() as whole:
        whole.enter_context(running_sink(workflow, dsn))
        for _ in range(3):
            with running_sink(workflow, dsn):
                time.sleep(1.2)
        publisher.join()
        wait_until_recorded(db, workflow)
    assert places(db, workflow) == workflow.written


def test_a_frozen_sink_that_wakes_up_writes_nothing_twice(workflow: Workflow, db: Database, dsn: str) -> None:
    publish(workflow, 500, "early")
    frozen = start(workflow, dsn)
    try:
        wait_until(lambda: recorded(db, workflow) == workflow.written)
        publisher = threading.Thread(target=publish, args=(workflow, 3_000, "late"))
        publisher.start()
        wait_until(lambda: recorded(db, workflow) > 2_600)
        frozen.send_signal(signal.SIGSTOP)
        with running_sink(workflow, dsn):
            publisher.join()
            wait_until(lambda: recorded(db, workflow) == workflow.written, 40)
            frozen.send_signal(signal.SIGCONT)
            publish(workflow, 200, "last")
            wait_until_recorded(db, workflow)
            time.sleep(0.5)
    finally:
        frozen.kill()
        frozen.wait()
    assert recorded(db, workflow) == places(db, workflow) == workflow.written


def test_a_topic_that_was_deleted_and_made_again_is_read_from_its_start(
    workflow: Workflow, db: Database, dsn: str
) -> None:
    at_ms = int(time.time() * 1000)
    workflow.begin("one", b'{"n":1}', at_ms)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    workflow.delete_topics([workflow.topics.cases])
    wait_until(lambda: not workflow.has_topic(workflow.topics.cases))
    workflow.create_topics([workflow.topics.cases])
    # The same offset and the same time as the first: only the event differs.
    workflow.begin("one", b'{"n":2}', at_ms)
    workflow.begin("one", b'{"n":3}', at_ms + 1)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    rows = db.execute(
        "SELECT payload->>'n' FROM case_turns WHERE namespace = %s ORDER BY 1", [workflow.topics.namespace]
    )
    assert [row[0] for row in rows] == ["1", "2", "3"]


pytestmark = pytest.mark.timeout(120)
