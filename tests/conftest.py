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


SLOW = (
    "undo/test_kills",
    "drills/",
    "undo/test_random_kills",
    "joins/test_ten_thousand",
    "credit/test_on_the_broker",
    "cli/test_run",
    "cli/test_demo",
    "dev/test_kafka_training",
    "worker/test_kill",
    "worker/test_crash_loop",
    "worker/test_carrying",
    "worker/test_errors",
    "dev/test_real_servers",
    "worker/test_long_turns",
    "control/test_watchdog",
    "worker/test_valve",
    "outreach/test_end_to_end",
    "cli/test_new",
    "dlq/",
    "store/test_exactly_once",
    "store/test_poison",
)
"""Begun first, where files are run side by side: else one of them is what all wait for at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((n for n, name in enumerate(SLOW) if f"tests/{name}" in item.path.as_posix()), len(SLOW))

    items.sort(key=turn)


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
