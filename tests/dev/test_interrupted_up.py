"""`up` interrupted, run twice at once, and with a broker that cannot start."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.process_table import birth_mark
from misstep.dev.servers import status, up
from misstep.errors import MisstepError

from .conftest import answer_of, start_up_command


def wait_until(holds: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def pids_ever_written(data: Path, seen: set[int]) -> set[int]:
    for file in data.glob("*/server.pid"):
        if found := re.search(r'"pid": (\d+)', file.read_text()):
            seen.add(int(found[1]))
    return seen


def test_ctrl_c_leaves_nothing_behind_and_two_ups_at_once_then_report_the_same_servers(own_data: Path):
    interrupted = start_up_command(own_data)
    seen: set[int] = set()
    # Both processes are there, the broker not ready yet.
    wait_until(lambda: len(pids_ever_written(own_data, seen)) >= 2 or interrupted.poll() is not None)
    assert interrupted.poll() is None, interrupted.communicate()
    assert status(own_data).kafka.state == "not answering"
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate(timeout=30)
    assert interrupted.returncode != 0
    assert [pid for pid in seen if birth_mark(pid) is not None] == []
    after = status(own_data)
    assert (after.kafka.state, after.postgres.state) == ("down", "down")

    first, second = start_up_command(own_data), start_up_command(own_data)
    state = answer_of(first)
    assert answer_of(second) == state
    assert state == status(own_data).as_dict()

    EmbeddedKafka(own_data / "kafka").stop()
    _break_the_brokers_data(own_data)
    with pytest.raises(MisstepError) as caught:
        up(own_data)
    text = str(caught.value)
    assert "Kafka died while it started, saying '" in text
    assert "Stored node id 7 doesn't match previous node id 1" in text
    assert text.endswith(f"the whole log is {own_data / 'kafka' / 'server.log'}.")
    # Postgres ran before, so it is not this call's to stop.
    assert status(own_data).kafka.state == "down"
    assert status(own_data).postgres.state == "up"


def test_an_up_that_was_killed_is_carried_on_by_the_next(own_data: Path):
    killed = start_up_command(own_data)
    wait_until(lambda: (own_data / "kafka" / "server.pid").exists())
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    half_started = EmbeddedKafka(own_data / "kafka").pid
    assert up(own_data).kafka.pid == half_started


def _break_the_brokers_data(data: Path) -> None:
    meta = data / "kafka" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
