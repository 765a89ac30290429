"""A drill as a newcomer calls it, at the shared servers, small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import ROOT, at
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


Play = Callable[..., Played]


@pytest.fixture
def play(servers: Servers, tmp_path: Path) -> Play:
    """Plays a drill in this repository's project, with its plot in a directory of its own."""
    cli = at(servers, ROOT, tmp_path / "data")

    def played(name: str, *options: str) -> Played:
        result = cli("drill", name, *options, "--out", str(tmp_path), "--json")
        assert result.code in (0, 1), result.out + result.err
        plot = tmp_path / f"drill-{name}.svg"
        assert ElementTree.parse(plot).getroot().tag.endswith("svg")
        said = result.json
        assert (result.code == 0) == said["holds"], said
        assert said["plot"] == str(plot)
        return Played(result.code, said)

    return played
