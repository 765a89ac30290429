"""The demo: every message accounted for, and nothing left behind, whenever it is interrupted."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.cli.conftest import ROOT, Cli, at
from tests.cli.leftovers import living_with, none_left
from tests.conftest import Servers


@pytest.fixture
def demo_cli(servers: Servers, tmp_path: Path) -> Cli:
    """This repository's own project at the shared servers; the data directory tells its processes from others'."""
    return at(servers, ROOT, tmp_path / "data")


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The process's output up to the line that has `text`."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without saying {text!r}:\n{said}{process.communicate()[1]}")


def interrupt(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """Interrupt it; its exit code and its standard error, the Kafka client's own log lines apart."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, "".join(line for line in errors.splitlines(keepends=True) if not line.startswith("%"))


def test_every_message_is_accounted_for(demo_cli: Cli) -> None:
    result = demo_cli("demo", "--receipts", "20", "--seed", "11", "--json")
    assert result.code == 0, result.out + result.err
    said = result.json
    assert said["accounted_for"]
    assert said["audit_complete"]
    assert (said["messages"], said["cases"]) == (21, 20)
    assert sum(one["cases"] for one in said["outcomes"]) == 20
    dead = [(one["failure_reason"], one["cases"]) for one in said["outcomes"] if one["outcome"] == "dead_lettered"]
    assert dead == [("schema_invalid", 3)]
    reasons = said["taxonomy"]["reasons"]
    assert reasons["schema_invalid"]["count"] == 3
    assert reasons["rubric_fail"]["count"] >= 2
    assert none_left(demo_cli.variables["MISSTEP_DATA"]), living_with(demo_cli.variables["MISSTEP_DATA"])
    why = demo_cli("why", said["why"], "--namespace", said["namespace"], "--json")
    assert why.code == 0, why.err
    assert why.json["verified"]
    admin = AdminClient({"bootstrap.servers": demo_cli.variables["MISSTEP_KAFKA"]})
    made = {topic.split(".")[1] for topic in admin.list_topics(timeout=10).topics if said["namespace"] in topic}
    assert "invoice" in made
    assert not {"outreach", "credit"} & made, "other workflows of the project have no part in it"


@pytest.mark.parametrize("moment", ["topics,", "Published"])
def test_interrupted_while_it_runs_it_leaves_nothing_behind(demo_cli: Cli, moment: str) -> None:
    draw = random.Random(moment)
    process = demo_cli.start("demo", "--receipts", "60")
    read_until(process, moment)
    time.sleep(draw.random())
    code, errors = interrupt(process, draw.choice([signal.SIGINT, signal.SIGTERM]))
    assert (code, errors) == (130, "")
    assert none_left(demo_cli.variables["MISSTEP_DATA"]), living_with(demo_cli.variables["MISSTEP_DATA"])


def test_interrupted_while_the_servers_start_it_stops_them_and_a_later_demo_works(demo_cli: Cli) -> None:
    own = replace(demo_cli, variables={"MISSTEP_DATA": demo_cli.variables["MISSTEP_DATA"]})
    data = Path(own.variables["MISSTEP_DATA"])
    process = own.start("demo", "--receipts", "12", "--hold")
    while not list(data.glob("*/server.pid")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    code, errors = interrupt(process)
    assert (code, "Traceback" in errors) == (130, False)
    assert none_left(str(data)), living_with(str(data))

    process = own.start("demo", "--receipts", "12", "--hold")
    said = read_until(process, "Everything goes on running")
    assert "each has exactly one outcome" in said
    second = own("demo", "--json")
    assert (second.code, "Another demo or drill runs" in second.json["error"]) == (2, True)
    code, errors = interrupt(process)
    assert (code, "Traceback" in errors) == (0, False)
    assert none_left(str(data)), living_with(str(data))


def test_when_it_is_killed_its_agents_stop_too(demo_cli: Cli) -> None:
    process = demo_cli.start("demo", "--receipts", "60")
    read_until(process, "Faults on purpose")
    process.kill()
    process.communicate()
    assert none_left(demo_cli.variables["MISSTEP_DATA"], 15), living_with(demo_cli.variables["MISSTEP_DATA"])


def test_ctrl_c_while_it_is_still_loading_is_quiet(demo_cli: Cli) -> None:
    for seed in range(3):
        process = demo_cli.start("demo")
        while "psycopg" not in Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(0.01)
        time.sleep(random.Random(seed).random() * 0.8)
        code, errors = interrupt(process)
        assert (code, errors) == (130, ""), seed
    assert none_left(demo_cli.variables["MISSTEP_DATA"])


def test_in_a_project_without_the_invoice_workflow(applied: Cli) -> None:
    refused = applied("demo")
    assert refused.code == 2
    assert "has no workflow 'invoice'" in refused.sentence
