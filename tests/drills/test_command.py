"""`misstep drill`: the list, and what is refused before anything is started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from misstep.cli.drill.drills import DRILLS
from misstep.cli.main import main
from tests.cli.conftest import ROOT, Cli


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


def test_every_drill_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `misstep drill ([a-z-]+)` \|", text, re.MULTILINE) == [drill.name for drill in DRILLS]
