"""Stores of checkpoints, each kind in a namespace of its own."""

from __future__ import annotations

import uuid

import pytest

from misstep.store.migrate import migrate
from tests.conftest import Servers
from tests.worker.conftest import make_site_of

__all__ = ["make_site_of"]


@pytest.fixture(scope="session")
def dsn(servers: Servers) -> str:
    """A database with every migration applied."""
    migrate(servers.postgres)
    return servers.postgres


@pytest.fixture
def namespace() -> str:
    return f"t{uuid.uuid4().hex[:10]}"
