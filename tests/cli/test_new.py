"""A project as `misstep new` makes it: its own checks hold, and it runs from the first command to the last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli
from tests.cli.leftovers import living_with, none_left


def inside(project: Path, *command: str, **variables: str) -> str:
    """A command's output in the project; fails the test when it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def read_json(process: subprocess.Popen[str]) -> Any:
    """The first JSON value that a process prints."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line == "}\n":
            return json.loads(said)
    raise AssertionError(f"it ended after {said!r}: {process.communicate()[1]}")


def test_its_tests_its_types_its_matrix_and_its_contracts_hold(project: Path) -> None:
    assert "7 passed" in inside(project, "pytest", "-q", "-p", "no:cacheprovider")
    rooms = [word for room in ("contracts", "agents", "saga", "dlq") for word in ("-p", f"rooms.{room}")]
    assert "no issues" in inside(project, "mypy", "--strict", *rooms)
    cli = Cli(project)
    matrix = cli("matrix", "check", "--json")
    assert (matrix.code, matrix.json) == (0, {"holds": True, "findings": []})
    assert cli("contracts", "lock", "--json").json == {"written": []}
    assert cli("contracts", "check").code == 0
    assert {room.name for room in project.iterdir()} >= {"contracts", "agents", "saga", "dlq", "migrations", "tests"}


def test_it_runs_end_to_end_and_a_second_run_takes_another_slot(applied: Cli) -> None:
    runs = [applied.start("run", "--level", "warning", "--json") for _ in range(2)]
    try:
        for run in runs:
            said = read_json(run)
            assert said["agents"] == ["orders/price", "orders/price_by_words"]
            assert (said["workers"], said["audit_sink"], said["namespace"]) == (1, True, applied.namespace)
        published = applied("publish", "orders", "examples/orders.jsonl", "--wait", "--timeout", "40s", "--json")
        assert published.code == 0, published.out + published.err
        assert published.json["outcomes"] == [{"outcome": "completed", "failure_reason": "ok", "agent": "", "cases": 5}]
        unreadable = b'{"case_id": "odd-1", "text": "as always"}\n{"case_id": "odd-2", "wrong": 1}'
        failed = applied("publish", "orders", "-", "--wait", "--timeout", "40s", stdin=unreadable)
        assert failed.code == 1
        assert "escalated" in failed.out
        assert "schema_invalid" in failed.out
        again = applied("publish", "orders", "examples/orders.jsonl", "--wait", "--timeout", "40s")
        assert again.code == 0, "a case that is published again runs once, and its outcome is found"
        assert "5 had been published and had ended before" in again.out
        slots = {path.name for path in (Path(applied.variables["MISSTEP_DATA"]) / "slots").glob("*.lock")}
        assert len(slots) == 2
        told = applied("why", "odd-1", "--json").json
        assert [one["reason"] for one in told["versions"]] == ["ok", "rubric_fail", "rubric_fail", "ok"]
        counted = applied("taxonomy", "--json").json
        assert counted["reasons"]["schema_invalid"]["count"] == 1
    finally:
        for run in runs:
            run.send_signal(signal.SIGTERM)
        ended = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    assert none_left(applied.namespace), living_with(applied.namespace)


def test_a_second_ctrl_c_stops_a_run_at_once(applied: Cli) -> None:
    run = applied.start("run", "--only", "agents")
    assert run.stdout is not None
    run.stdout.readline()
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = run.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert "Traceback" not in errors
    assert none_left(applied.namespace), living_with(applied.namespace)
