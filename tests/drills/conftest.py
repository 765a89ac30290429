"""A drill as a newcomer calls it, at the shared servers, small: whole, and sabotaged at the same time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import ROOT, Cli, at
from tests.conftest import Servers


@dataclass(frozen=True)
class Played:
    """What a drill came to."""

    code: int
    said: Any

    @property
    def failing(self) -> set[str]:
        """The parts of the promise that did not hold."""
        return {check["promise"] for check in self.said["checks"] if not check["holds"]}

    def row(self, first: str) -> dict[str, Any]:
        """The row of the first table that begins with this word."""
        table = next(iter(self.said["tables"].values()))
        return next(row for row in table if next(iter(row.values())) == first)


@dataclass
class Playing:
    """A drill that is being played."""

    name: str
    plot: Path
    process: subprocess.Popen[str]

    def end(self) -> Played:
        """Wait for it; what it said, its plot looked at."""
        out, errors = self.process.communicate(timeout=150)
        code = self.process.returncode
        assert code in (0, 1), out + errors
        assert self.plot.is_file(), out + errors
        assert ElementTree.parse(self.plot).getroot().tag.endswith("svg")
        said = json.loads(out)
        assert (code == 0) == said["holds"], said
        assert said["plot"] == str(self.plot)
        return Played(code, said)


@dataclass(frozen=True)
class Both:
    """A drill as it is, and with what keeps its promise taken away."""

    whole: Played
    sabotaged: Played


PlayBoth = Callable[[str, str, str], Both]


@pytest.fixture(scope="module")
def play_both(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> PlayBoth:
    """Plays a drill by its name, the options of the whole one, and those of the sabotaged one."""

    def start(name: str, options: str) -> Playing:
        place = tmp_path_factory.mktemp(name)
        cli: Cli = at(servers, ROOT, place / "data")
        process = cli.start("drill", name, *options.split(), "--out", str(place), "--json")
        return Playing(name, place / f"drill-{name}.svg", process)

    def play(name: str, whole: str, sabotaged: str) -> Both:
        playing = [start(name, whole), start(name, f"{sabotaged} --sabotage")]
        try:
            return Both(*[one.end() for one in playing])
        finally:
            for one in playing:
                if one.process.poll() is None:
                    one.process.terminate()
                    one.process.communicate(timeout=30)

    return play
