"""`misstep run`: what it starts ends with it, shares the host with another run, and waits for what is away."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from misstep.dev.kafka import EmbeddedKafka
from misstep.testing.servers import real_servers
from tests.cli.conftest import NOBODY, Cli, at
from tests.cli.leftovers import living_with, none_left
from tests.conftest import Servers


class Running:
    """A run that goes on, its log in a file."""

    def __init__(self, cli: Cli, log: Path, *arguments: str) -> None:
        self._log = log
        self.cli = cli
        with log.open("ab") as output:
            self.process = cli.start("run", *arguments, stderr=output)

    def said(self, event: str) -> list[dict[str, object]]:
        """The log's lines of one event. Fails the test when the log has anything that is not JSON."""
        whole = self._log.read_text().rpartition("\n")[0]
        return [line for line in map(json.loads, whole.splitlines()) if line["event"] == event]

    def until(self, event: str, times: int = 1, within_s: float = 30) -> list[dict[str, object]]:
        deadline = time.monotonic() + within_s
        while len(found := self.said(event)) < times:
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)
        return found

    def end(self) -> int:
        """SIGTERM it if it still runs; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=40)
        return self.process.returncode


@pytest.fixture
def fresh(servers: Servers, project: Path, tmp_path: Path) -> Cli:
    """The project in a namespace of the test's own, applied."""
    cli = at(servers, project, tmp_path / "data")
    assert cli("apply").code == 0
    return cli


@pytest.fixture
def runs() -> Iterator[list[Running]]:
    """Runs that are ended with the test, whatever came of it."""
    started: list[Running] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_workers_and_sink_do_not_outlive_a_run_that_was_killed(fresh: Cli, tmp_path: Path, runs: list[Running]) -> None:
    run = Running(fresh, tmp_path / "log", "--processes", "2")
    runs.append(run)
    run.until("partitions taken", times=2)
    data = fresh.variables["MISSTEP_DATA"]
    assert len(living_with(data)) == 4
    run.process.kill()
    run.process.communicate(timeout=10)
    assert none_left(data, 20), living_with(data)
    assert len(run.said("drained")) == 2


def test_a_run_that_is_killed_while_its_workers_start_leaves_none(fresh: Cli, tmp_path: Path) -> None:
    run = Running(fresh, tmp_path / "log")
    run.until("started", times=2)
    run.process.kill()
    run.process.wait(10)
    data = fresh.variables["MISSTEP_DATA"]
    assert none_left(data, 45), living_with(data)  # left alone, they drain for 30 s at most


def test_a_second_run_of_the_host_takes_other_slots_and_fences_nobody(
    fresh: Cli, tmp_path: Path, runs: list[Running]
) -> None:
    first = Running(fresh, tmp_path / "first")
    runs.append(first)
    first.until("partitions taken", times=2)
    second = Running(fresh, tmp_path / "second")
    runs.append(second)
    second.until("partitions taken", times=2)
    (one,) = {str(line["process"]) for line in first.said("started")} - {"audit sink"}
    (other,) = {str(line["process"]) for line in second.said("started")} - {"audit sink"}
    assert one != other
    orders = b"\n".join(b'{"case_id": "two-%d", "text": "1 x pear @ 0.40"}' % number for number in range(20))
    published = fresh("publish", "orders", "-", "--wait", "--timeout", "20s", "--json", stdin=orders)
    assert published.code == 0, published.out + published.err
    for run in (first, second):
        assert len(run.said("started")) == 2, "nobody was restarted"
        assert run.end() == 0


def test_without_postgres_the_agents_work_and_the_sink_says_what_it_waits_for(
    fresh: Cli, tmp_path: Path, runs: list[Running]
) -> None:
    run = Running(fresh, tmp_path / "log", "--postgres", f"postgresql://me:secret@{NOBODY}/x")
    runs.append(run)
    (waits,) = run.until("the audit sink waits; events stay in Kafka meanwhile")
    assert waits["on"] == f"Postgres at {NOBODY}/x"
    order = b'{"case_id": "unaudited", "text": "1 x pear @ 0.40"}'
    assert fresh("publish", "orders", "-", "--wait", "--timeout", "20s", stdin=order).code == 0
    assert run.end() == 0
    assert "secret" not in (tmp_path / "log").read_text()


def test_when_kafka_dies_and_comes_back_everything_goes_on_and_the_log_stays_short(
    project: Path, tmp_path: Path, runs: list[Running]
) -> None:
    with real_servers(embedded_only=True) as own:
        assert own.data is not None
        kafka = EmbeddedKafka(own.data / "kafka")
        cli = at(Servers(own.bootstrap_servers, own.dsn), project, tmp_path / "data")
        assert cli("apply").code == 0
        run = Running(cli, tmp_path / "log")
        runs.append(run)
        run.until("partitions taken", times=2)
        kafka.kill()
        run.until("Kafka does not answer; it is tried until it does", times=2)
        time.sleep(3)
        refused = cli("publish", "orders", "-", stdin=b'{"case_id": "meanwhile", "text": "1 x pear @ 0.40"}')
        assert refused.code == 3
        assert refused.sentence.startswith("Kafka does not answer at")
        kafka.start()
        order = b'{"case_id": "afterwards", "text": "1 x pear @ 0.40"}'
        assert cli("publish", "orders", "-", "--wait", "--timeout", "30s", stdin=order).code == 0
        told = cli("why", "afterwards")
        for _ in range(50):  # the audit is a moment behind
            if told.code == 0 and "completed" in told.out:
                break
            time.sleep(0.2)
            told = cli("why", "afterwards")
        assert "completed in price" in told.out, told.out + told.err
        assert len(run.said("started")) == 2, "nobody was restarted"
        assert len((tmp_path / "log").read_text().splitlines()) < 50, "not a line for each try of each client"
        assert run.end() == 0


def test_kafka_away_is_said_once_by_each_process_and_not_by_each_client() -> None:
    """The clients themselves would say it some hundred times a second."""
    script = (
        "from confluent_kafka import Consumer; from misstep.logs import configure_logs;"
        "from misstep.bus.client_log import client_logger; configure_logs('info', json=True);"
        f"config = {{'bootstrap.servers': '{NOBODY}', 'group.id': 'x'}};"
        "both = [Consumer(config, logger=client_logger(name)) for name in 'ab'];"
        "[one.poll(0.2) for _ in range(5) for one in both]"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    (line,) = map(json.loads, said.splitlines())
    assert line["event"] == "Kafka does not answer; it is tried until it does"
    assert NOBODY in line["said"]


def test_metrics_are_served_one_port_a_process_and_a_taken_port_is_a_sentence(
    fresh: Cli, tmp_path: Path, runs: list[Running]
) -> None:
    port = random.SystemRandom().randrange(20_000, 30_000)
    run = Running(fresh, tmp_path / "log", "--metrics-port", str(port))
    runs.append(run)
    run.until("partitions taken", times=2)

    def says(number: int, wanted: str) -> bool:
        for _ in range(100):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port + number}/metrics") as answer:
                if wanted in str(answer.read(), "utf-8"):
                    return True
            time.sleep(0.1)
        return False

    assert says(0, 'misstep_assigned_partitions{agent="price",workflow="')
    assert says(1, "misstep_audit_rows_total")
    second = Running(fresh, tmp_path / "second", "--only", "agents", "--metrics-port", str(port))
    runs.append(second)
    (why,) = second.until("cannot start")
    assert (
        why["why"] == f"Port {port} cannot be used for metrics (Address already in use): choose another --metrics-port."
    )
    assert second.process.wait(20) == 2
    assert run.end() == 0


def test_slots_that_cannot_be_kept(applied: Cli) -> None:
    refused = applied("run", MISSTEP_DATA="/dev/null/data")
    assert refused.code == 2
    assert "choose another directory with MISSTEP_DATA" in refused.sentence
    assert "MISSTEP_SLOT is 'a b/../c'" in applied("run", MISSTEP_SLOT="a b/../c").sentence
