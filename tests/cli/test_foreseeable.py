"""Conditions that can be foreseen: one sentence, the right exit code, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import NOBODY, Cli


def test_outside_of_a_project(tmp_path: Path) -> None:
    result = Cli(tmp_path)("matrix", "show")
    assert result.code == 2
    assert "is in no project" in result.sentence


def test_embedded_servers_that_are_down(project: Path, tmp_path: Path) -> None:
    cli = Cli(project, {"MISSTEP_DATA": str(tmp_path / "data")})
    status = cli("status", "--json")
    assert status.code == 3
    assert status.json["kafka"]["state"] == status.json["postgres"]["state"] == "down"
    assert "bootstrap_servers" in status.json["kafka"]
    assert "dsn" in status.json["postgres"]
    asked = cli("taxonomy")
    assert asked.code == 3
    assert "misstep up" in asked.sentence
    assert cli("down").code == 0


def test_given_servers_are_asked(applied: Cli) -> None:
    up = applied("status", "--json")
    assert (up.code, up.json["kafka"]["state"], up.json["postgres"]["state"]) == (0, "up", "up")
    down = applied("status", "--kafka", NOBODY)
    assert down.code == 3
    assert f"Kafka: not answering at {NOBODY} (given)" in down.out


def test_settings_that_are_wrong(applied: Cli) -> None:
    assert "MISSTEP_PARTITIONS" in applied("apply", MISSTEP_PARTITIONS="many").sentence
    assert "--namespace" in applied("apply", "--namespace", "a.b").sentence
    assert "--since" in applied("taxonomy", "--since", "yesterday").sentence


def test_a_case_that_nobody_knows(applied: Cli) -> None:
    result = applied("why", "nobody", "--json")
    assert result.code == 1
    assert "no case nobody in namespace" in result.json["error"]


def test_a_broken_room_is_named_with_its_line(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "broken"
    (root / "saga").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "saga" / "broken.py").write_text("\nimport nothing_of_the_kind\n")
    result = Cli(root)("matrix", "check")
    assert result.code == 2
    assert "saga/broken.py:2" in result.sentence


def test_what_cannot_be_run(applied: Cli) -> None:
    assert "no agent 'prize'" in applied("run", "orders/prize").sentence
    refused = applied("run", "--namespace", "never-applied")
    assert refused.code == 2
    assert refused.sentence.endswith("run `misstep apply` first.")


@pytest.mark.parametrize("name", ["Order-Desk", "1st", "a_b", "-x", "", "a/b", "../x"])
def test_a_name_that_no_project_can_have(tmp_path: Path, name: str) -> None:
    from misstep.cli.new_project import new_project
    from misstep.errors import UsageError

    with pytest.raises(UsageError, match="cannot be a project's name"):
        new_project(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_there_is_left_alone(project: Path) -> None:
    result = Cli(project.parent)("new", project.name, "--json")
    assert result.code == 2
    assert "exists and is not empty" in json.loads(result.out)["error"]


def test_output_that_nobody_reads_to_the_end_ends_quietly(applied: Cli) -> None:
    import subprocess
    import sys

    ended = subprocess.run(
        f"{sys.executable} -m misstep.cli.main contracts show --json | head -c 1",
        shell=True,
        cwd=applied.cwd,
        env=applied.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
