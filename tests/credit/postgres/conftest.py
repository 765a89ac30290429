"""A database with the engine's and the credit workflow's migrations, and services on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import psycopg
import pytest
from rooms.agents.postgres.connections import Connections

from misstep.store.migrate import migrate
from tests.conftest import Servers
from tests.credit.conftest import ROOT

T = TypeVar("T")


@pytest.fixture(scope="session")
def dsn(servers: Servers) -> str:
    migrate(servers.postgres, also=[ROOT / "migrations" / "credit"])
    return servers.postgres


@pytest.fixture
def db(dsn: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own."""
    return f"t{secrets.token_hex(4)}"


def with_connections(dsn: str, work: Callable[[Connections], Awaitable[T]]) -> T:
    """What `work` makes of connections of its own."""

    async def main() -> T:
        connections = Connections(dsn, application="test", most=8)
        try:
            return await work(connections)
        finally:
            await connections.close()

    return asyncio.run(main())
