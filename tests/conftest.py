"""The real servers of a test run, started once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import structlog

from misstep.testing.servers import real_servers


@dataclass(frozen=True, slots=True)
class Servers:
    kafka: str
    """Bootstrap servers."""
    postgres: str
    """DSN."""


_SHARED = pytest.StashKey[ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Tests that run side by side (`pytest -n 3`) share one pair of servers: started here, before their processes."""
    if not getattr(session.config.option, "numprocesses", None) or hasattr(session.config, "workerinput"):
        return
    stack = session.config.stash[_SHARED] = ExitStack()
    running = stack.enter_context(real_servers())
    os.environ["MISSTEP_KAFKA"], os.environ["MISSTEP_POSTGRES"] = running.bootstrap_servers, running.dsn


def pytest_sessionfinish(session: pytest.Session) -> None:
    stack = session.config.stash.get(_SHARED, None)
    if stack is not None:
        stack.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with real_servers() as running:
        yield Servers(running.bootstrap_servers, running.dsn)


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """What a command or a test makes of the log ends with the test."""
    yield
    structlog.reset_defaults()
