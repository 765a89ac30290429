"""A cluster that asks who one is: every command signs on with what MISSTEP_KAFKA_CONFIG says, or says what is wrong."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from misstep.testing.chaos.cluster import Cluster
from misstep.testing.chaos.node_config import insider_client
from tests.cli.conftest import Cli, at
from tests.cli.test_new import read_json
from tests.conftest import Servers


@pytest.fixture(scope="module")
def secured(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One broker, by the listener that wants SASL/PLAIN."""
    cluster = Cluster(tmp_path_factory.mktemp("secured"), size=1)
    try:
        cluster.start()
        yield Servers(str(cluster.insider["bootstrap.servers"]), servers.postgres)
    finally:
        cluster.close()


def written(directory: Path, settings: dict[str, object]) -> str:
    file = directory / "client.properties"
    lines = ["# how to sign on", "", *[f"{name} = {value}" for name, value in settings.items()]]
    file.write_text("\n".join(lines))
    return str(file)


@pytest.fixture
def cli(secured: Servers, project: Path, tmp_path: Path) -> Cli:
    return at(secured, project, tmp_path, MISSTEP_KAFKA_CONFIG=written(tmp_path, dict(insider_client())))


def work_through_the_orders(cli: Cli) -> None:
    """Run the project's workflow on its examples and on a case that fails, and read that one's story."""
    run = cli.start("run", "--level", "warning", "--json")
    try:
        assert read_json(run)["workers"] == 1
        published = cli("publish", "orders", "examples/orders.jsonl", "--wait", "--timeout", "60s", "--json")
        assert published.code == 0, published.out + published.err
        failed = cli(
            "publish", "orders", "-", "--wait", "--timeout", "60s", stdin=b'{"case_id": "odd-1", "text": "as always"}'
        )
        assert "escalated" in failed.out, failed.err
        told = cli("why", "odd-1", "--json").json
        assert [one["reason"] for one in told["versions"]] == ["ok", "rubric_fail", "rubric_fail", "ok"]
        assert told["verified"] is True, told
    finally:
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0, run.communicate()[1]


def test_every_command_signs_on(cli: Cli) -> None:
    assert cli("status").code == 0
    assert cli("apply", "--json").code == 0
    work_through_the_orders(cli)
    watch = cli.start("watch", "--json")
    assert watch.stderr is not None
    assert any("watching" in line for line in watch.stderr)
    watch.send_signal(signal.SIGTERM)
    assert watch.wait(30) in (0, 130)


def test_without_the_file_or_with_a_wrong_password_it_says_that_nobody_answers(cli: Cli, tmp_path: Path) -> None:
    bare = Cli(cli.cwd, {name: value for name, value in cli.variables.items() if name != "MISSTEP_KAFKA_CONFIG"})
    assert bare("apply").code == 3
    wrong = Cli(
        cli.cwd,
        {**cli.variables, "MISSTEP_KAFKA_CONFIG": written(tmp_path, {**insider_client(), "sasl.password": "guessed"})},
    )
    refused = wrong("apply")
    assert refused.code == 3
    assert "guessed" not in refused.err
    assert "MISSTEP_KAFKA_CONFIG" in refused.sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("security.protocol", "line 1 is no `name=value`"),
        ("sasl.jaas.config=x", "here it is `sasl.username` and `sasl.password`"),
        ("\nisolation.level=read_uncommitted", "line 2: isolation.level is not about how the cluster is reached"),
        ("sasl.nonsense=1", 'No such configuration property: "sasl.nonsense"'),
        ("security.protocol=SASL_FOO", "SASL_FOO"),
        ("ssl.ca.location=/nowhere/ca.pem\nsecurity.protocol=SSL", "ssl.ca.location"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_line(applied: Cli, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "client.properties"
    file.write_text(text)
    refused = applied("apply", MISSTEP_KAFKA_CONFIG=str(file))
    assert refused.code == 2
    assert told in refused.sentence
    assert str(file) in refused.sentence


def test_no_file_and_no_cluster(applied: Cli, tmp_path: Path) -> None:
    missing = applied("apply", MISSTEP_KAFKA_CONFIG=str(tmp_path / "none"))
    assert (missing.code, "No such file" in missing.sentence) == (2, True)
    nowhere = Cli(applied.cwd, {name: value for name, value in applied.variables.items() if name != "MISSTEP_KAFKA"})
    alone = nowhere("apply", MISSTEP_KAFKA_CONFIG=str(tmp_path / "none"))
    assert (alone.code, "MISSTEP_KAFKA where" in alone.sentence or "MISSTEP_KAFKA" in alone.sentence) == (2, True)
