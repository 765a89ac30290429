"""A handful of kills at random moments; fifty of them are in tests/soak."""

from pathlib import Path

from tests.conftest import Servers
from tests.undo.random_kills import kill_at_random
from tests.worker.conftest import Site


def test_kills_at_random_moments_end_no_case_twice_and_undo_nothing_twice(
    site: Site, servers: Servers, journal_file: Path
) -> None:
    kill_at_random(site, servers, journal_file, kills=4, seed=11)
