"""`misstep drill`: the list, and what is refused before anything is started."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from misstep.cli.drill.drills import DRILLS
from misstep.cli.main import main
from tests.cli.conftest import ROOT, Cli, at
from tests.cli.leftovers import living_with, none_left
from tests.cli.test_demo import interrupt, read_until
from tests.conftest import Servers


def test_without_a_name_it_lists_the_drills(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill"]) == 0
    said = capsys.readouterr().out
    for drill in DRILLS:
        assert drill.name in said


@pytest.mark.parametrize("name", [drill.name for drill in DRILLS])
def test_a_drill_says_what_it_promises_and_gives_an_example(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["drill", name, "--help"]) == 0
    said = re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out))
    assert f"Example: misstep drill {name}" in said
    assert "--sabotage" in said


def test_a_plot_that_would_replace_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    refused = Cli(tmp_path)("drill", "cascade", "--out", "out")
    assert refused.code == 2
    assert "name a directory" in refused.sentence


@pytest.mark.parametrize("name", ["success-rate", "corrupt-data", "regression"])
def test_a_drill_on_real_data_says_where_that_is(tmp_path: Path, name: str) -> None:
    refused = Cli(tmp_path)("drill", name)
    assert refused.code == 2
    assert "Misstep's own repository; run it there" in refused.sentence


def test_interrupted_while_it_runs_it_leaves_nothing_behind(servers: Servers, tmp_path: Path) -> None:
    cli = at(servers, tmp_path, tmp_path / "data")
    process = cli.start("drill", "cascade", "--cases", "400")
    read_until(process, "none: 400 cases")
    code, errors = interrupt(process)
    assert (code, errors) == (130, "")
    assert none_left(cli.variables["MISSTEP_DATA"]), living_with(cli.variables["MISSTEP_DATA"])
    admin, ours = AdminClient({"bootstrap.servers": servers.kafka}), namespace_of(tmp_path / "data")
    until = time.monotonic() + 15
    while left := [name for name in admin.list_topics(timeout=10).topics if name.startswith(ours)]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def namespace_of(data: Path) -> str:
    """The namespace of the drill that was played there, by its logs."""
    (name,) = {log.name.partition("-sink")[0] for log in (data / "logs").glob("*-sink.log")}
    return f"{name}."


def test_every_drill_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `misstep drill ([a-z-]+)` \|", text, re.MULTILINE) == [drill.name for drill in DRILLS]
