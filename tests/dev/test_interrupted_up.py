"""`up` interrupted, run twice at once, and with a broker that cannot start."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.servers import down, status, up
from misstep.errors import MisstepError

from .conftest import answer_of, start_up_command


def wait_until(holds: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def at_work_in(data: Path) -> list[str]:
    """The command lines, of any process, that name the directory."""
    listed = subprocess.run(("ps", "-A", "-ww", "-o", "args="), capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(data) in line]


def test_ctrl_c_leaves_nothing_behind_and_two_ups_at_once_then_report_the_same_servers(own_data: Path):
    interrupted = start_up_command(own_data)
    # The first of the two processes is there, the other about to be.
    wait_until(lambda: any(own_data.glob("*/server.pid")) or interrupted.poll() is not None)
    assert interrupted.poll() is None, interrupted.communicate()
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate(timeout=30)
    assert interrupted.returncode != 0
    assert at_work_in(own_data) == []
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


def test_an_up_that_was_killed_while_it_laid_out_the_data_does_not_disturb_the_next(own_data: Path):
    killed = start_up_command(own_data)
    wait_until(lambda: any(own_data.glob("*/data.draft-*/*")))
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert up(own_data).up
    wait_until(lambda: not any("data.draft-" in line for line in at_work_in(own_data)))
    down(own_data)
    assert up(own_data).up
    assert not list(own_data.glob("*/data.draft-*"))


def _break_the_brokers_data(data: Path) -> None:
    meta = data / "kafka" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
