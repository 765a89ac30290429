"""The real servers of a test run, started once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from misstep.testing.servers import real_servers


@dataclass(frozen=True, slots=True)
class Servers:
    kafka: str
    """Bootstrap servers."""
    postgres: str
    """DSN."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with real_servers() as running:
        yield Servers(running.bootstrap_servers, running.dsn)
