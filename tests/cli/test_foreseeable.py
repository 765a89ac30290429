"""Conditions that can be foreseen: one sentence, the right exit code, no traceback."""

from __future__ import annotations

import json
import shutil
import socket
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


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MISSTEP_PARTITIONS", "zero", "MISSTEP_PARTITIONS is 'zero': it should be a valid integer."),
        ("MISSTEP_PARTITIONS", "0", "MISSTEP_PARTITIONS is '0': it should be greater than or equal to 1."),
        ("MISSTEP_NAMESPACE", "a.b", "MISSTEP_NAMESPACE or --namespace is 'a.b': it must be 1 to 63 letters, digits"),
        ("MISSTEP_SLOT", "a/b", "MISSTEP_SLOT is 'a/b': it must be 1 to 63 letters, digits or hyphens"),
        ("MISSTEP_PROJECT", "/nowhere", "There is no directory /nowhere; MISSTEP_PROJECT names the one"),
        ("MISSTEP_POSTGRES", "nonsense", "the Postgres DSN cannot be read"),
        ("MISSTEP_KAFKA", NOBODY, f"Kafka does not answer at {NOBODY}; start it"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_what_it_should_be(
    applied: Cli, variable: str, value: str, said: str
) -> None:
    refused = applied("apply", **{variable: value})
    assert refused.code in (2, 3)
    assert refused.sentence.startswith(said)


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("yesterday", "--since 'yesterday' is not a duration; write it like '250ms'"),
        ("-1h", "--since '-1h' is not a duration"),
        ("0s", "--since '0s' must be longer than nothing."),
        ("99999999999999d", "--since '99999999999999d' is longer than 100 years; give a shorter one."),
    ],
)
def test_a_time_span_that_is_none(applied: Cli, since: str, said: str) -> None:
    refused = applied("taxonomy", "--since", since)
    assert (refused.code, refused.sentence.startswith(said)) == (2, True), refused.sentence


@pytest.mark.parametrize(
    "command",
    [["apply"], ["apply", "--dry-run"], ["run"], ["run", "--only", "agents"], ["publish", "orders", "-"]],
)
def test_kafka_that_does_not_answer(applied: Cli, command: list[str]) -> None:
    asked = applied(*command, "--kafka", NOBODY)
    assert asked.code == 3
    assert asked.sentence.startswith(f"Kafka does not answer at {NOBODY}; start it (`misstep up`)")


@pytest.mark.parametrize("command", [["apply"], ["taxonomy"], ["why", "anything"]])
def test_postgres_that_does_not_answer(applied: Cli, command: list[str]) -> None:
    asked = applied(*command, "--postgres", f"postgresql://me:secret@{NOBODY}/x")
    assert asked.code == 3
    assert asked.sentence.startswith(f"Postgres at {NOBODY}/x does not answer")
    assert "secret" not in asked.sentence


def test_a_port_and_a_data_directory_that_up_cannot_use(project: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    cli = Cli(project, {"MISSTEP_DATA": str(data)})
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        taken = cli("up", "--kafka-port", str(port))
    assert taken.code == 2
    assert f"port {port} on 127.0.0.1 cannot be used for Kafka" in taken.sentence
    (data / "layout").write_text("2\n")
    other = cli("up")
    assert other.code == 2
    assert "laid out by another version of Misstep" in other.sentence
    assert "cannot be used for the servers' data" in cli("up", MISSTEP_DATA="/dev/null/data").sentence


def test_a_score_that_names_an_agent_that_is_not_there(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(project, root, symlinks=True)
    score = root / "saga" / "orders.py"
    score.write_text(score.read_text().replace("price_by_words", "price_by_colour"))
    refused = Cli(root)("matrix", "check")
    assert refused.code == 2
    assert "price_by_colour" in refused.sentence
    assert "saga/orders.py:" in refused.sentence


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
