"""Sites that run the trip or the survey, with marks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from misstep.saga.compile import compile_plan
from misstep.store.migrate import migrate
from tests.conftest import Servers
from tests.joins.survey import survey
from tests.undo.trip import JOURNAL, trip
from tests.worker.conftest import Site, make_site_of  # noqa: F401


@pytest.fixture
def journal_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where effects are written."""
    path = tmp_path / "journal"
    monkeypatch.setenv(JOURNAL, str(path))
    return path


@pytest.fixture
def site(make_site_of: Callable[..., Site]) -> Site:  # noqa: F811
    """The workflow `trip` in a namespace of its own."""
    return make_site_of(compile_plan(trip))


@pytest.fixture
def forked(make_site_of: Callable[..., Site]) -> Site:  # noqa: F811
    """The workflow `survey` in a namespace of its own."""
    return make_site_of(compile_plan(survey))


@pytest.fixture(scope="session")
def audit(servers: Servers) -> str:
    """A database with every migration applied."""
    migrate(servers.postgres)
    return servers.postgres
