"""Fifty kills of coordinator, undoing workers and audit sink; `make soak`. SOAK_KILLS and SOAK_SEED change which."""

import os
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.undo.conftest import *  # noqa: F403  # its fixtures
from tests.undo.random_kills import kill_at_random
from tests.worker.conftest import Site

KILLS = int(os.environ.get("SOAK_KILLS", "50"))
SEED = int(os.environ.get("SOAK_SEED", "7"))


def test_kills_at_random_moments_end_no_case_twice_and_undo_nothing_twice(
    site: Site, servers: Servers, journal_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = kill_at_random(site, servers, journal_file, kills=KILLS, seed=SEED)
    with capsys.disabled():
        print(f"\n{said}")  # noqa: T201
