"""`misstep watch` on the real broker: events in, alerts out; killed and started again, it goes on."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.cli.conftest import Cli, at, project  # noqa: F401
from tests.conftest import Servers
from tests.worker.oracle import read_all

WORKFLOW, AGENT = "orders", "price"


class Topics:
    """The topics of the new project's workflow, written to as agents do: in transactions."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.kafka = cli.variables["MISSTEP_KAFKA"]
        self._producer = Producer({"bootstrap.servers": self.kafka, "transactional.id": f"{cli.namespace}.test"})
        self._producer.init_transactions()

    def write(self, ok: int, failed: int, *, commit: bool = True) -> None:
        """So many turns of AGENT that went well, and so many with `rubric_fail`."""
        own = f"{self.cli.namespace}.{WORKFLOW}.{AGENT}"
        self._producer.begin_transaction()
        for number in range(ok + failed):
            went_well = number < ok
            self._producer.produce(
                own if went_well else f"{own}.failed",
                b"{}",
                str(number).encode(),
                headers=[("ce_failurereason", b"ok" if went_well else b"rubric_fail")],
            )
        self._producer.flush()
        if commit:
            self._producer.commit_transaction()
        else:
            self._producer.abort_transaction()

    def alerts(self) -> list[dict[str, Any]]:
        """Everything in the topic of alerts."""
        return [json.loads(one.value or b"") for one in read_all(self.kafka, [f"{self.cli.namespace}.alerts"])]


class Watching:
    """A watch that runs, and what it prints and logs."""

    def __init__(self, cli: Cli, *arguments: str) -> None:
        self.process: subprocess.Popen[str] = cli.start("watch", "--json", "--window", "2m", *arguments)
        self.out: queue.Queue[str] = queue.Queue()
        self.log: queue.Queue[str] = queue.Queue()
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.log)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()
        self.until_logged("watching")

    @staticmethod
    def _read(stream: Any, lines: queue.Queue[str]) -> None:
        for line in stream:
            lines.put(line)

    def until_logged(self, event: str, within_s: float = 40) -> None:
        until = time.monotonic() + within_s
        while True:
            line = self.log.get(timeout=max(0.1, until - time.monotonic()))
            assert line.startswith("{"), line
            if json.loads(line)["event"] == event:
                return

    def next_alert(self, within_s: float = 40) -> dict[str, Any]:
        return dict(json.loads(self.out.get(timeout=within_s)))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def topics(servers: Servers, project: Path, tmp_path: Path) -> Topics:  # noqa: F811
    cli = at(servers, project, tmp_path / "data")
    assert cli("apply").code == 0
    return Topics(cli)


@pytest.fixture
def started() -> Iterator[list[Watching]]:
    """Watches that are ended with the test."""
    running: list[Watching] = []
    yield running
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(10)


def test_failures_over_the_share_become_an_alert_and_a_kill_costs_nothing(
    topics: Topics, started: list[Watching]
) -> None:
    topics.write(ok=0, failed=500, commit=False)  # never happened
    topics.write(ok=96, failed=4)
    first = Watching(topics.cli)
    started.append(first)
    topics.write(ok=0, failed=6)
    alert = first.next_alert()
    said = {"kind": "failure_rate", "workflow": WORKFLOW, "agent": AGENT, "reason": "rubric_fail"}
    assert {name: alert[name] for name in said} == said
    assert (alert["window"], alert["turns"], alert["failures"]) == ("2m", 106, 10)
    assert alert["rate"] == pytest.approx(10 / 106, abs=1e-4)
    assert alert["at"].endswith("Z")
    assert topics.alerts() == [alert]
    assert first.end(signal.SIGKILL) == -signal.SIGKILL

    topics.write(ok=0, failed=10)  # while nobody watches
    second = Watching(topics.cli)
    started.append(second)
    again = second.next_alert()
    assert (again["turns"], again["failures"]) == (116, 20), "it counts the window before its start, too"
    assert second.end(signal.SIGTERM) == 0


def test_what_it_cannot_do_is_a_sentence(topics: Topics) -> None:
    cli = topics.cli
    assert "--over '5' is not a share" in cli("watch", "--over", "5").sentence
    assert "'soon' is not a duration" in cli("watch", "--window", "soon").sentence
    assert "There is no workflow 'nonesuch'" in cli("watch", "nonesuch").sentence
    nowhere = cli("watch", MISSTEP_NAMESPACE="never-applied")
    assert nowhere.code == 2
    assert "run `misstep apply` first" in nowhere.sentence


def test_without_the_extra_it_says_how_to_install_it(topics: Topics) -> None:
    code = "import sys; sys.modules['faust'] = None; from misstep.cli.main import main; sys.exit(main(['watch']))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=topics.cli.cwd, env=topics.cli.environment, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert ran.stderr == "Error: misstep watch needs an extra: pip install 'misstep[watch]'.\n"
