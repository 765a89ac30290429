"""A database with the engine's and the invoice workflow's migrations, and services on it."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import psycopg
import pytest
from rooms.agents.invoice_ledger import Entry, lines_of
from rooms.agents.postgres.connections import Connections

from misstep.store.migrate import migrate
from tests.invoice.conftest import ROOT

T = TypeVar("T")
MIGRATIONS = ROOT / "migrations" / "invoice"


class HasPostgres(Protocol):
    postgres: str


@pytest.fixture(scope="session")
def dsn(servers: HasPostgres) -> str:
    migrate(servers.postgres, also=[MIGRATIONS])
    return servers.postgres


@pytest.fixture
def db(dsn: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own."""
    return f"t{secrets.token_hex(4)}"


def entry_of(total: str, tax: str | None = None, *, case_id: str = "case-1", ordered: bool = True) -> Entry:
    return Entry(
        case_id=case_id,
        document="sroie-617",
        supplier="KEDAI",
        order_number="PO-1" if ordered else None,
        purchased_on=dt.date(2018, 3, 4),
        currency="MYR",
        lines=lines_of(Decimal(total), Decimal(tax) if tax else None, ordered=ordered),
    )


def with_connections(dsn: str, work: Callable[[Connections], Awaitable[T]], **options: Any) -> T:
    """What `work` makes of connections of its own."""

    async def main() -> T:
        connections = Connections(dsn, application="test", **options)
        try:
            return await work(connections)
        finally:
            await connections.close()

    return asyncio.run(main())
