"""While Postgres is away a turn is `model_down`, or out of time; when it is back the same services go on."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms.agents.invoice import post_entry
from rooms.agents.postgres.connections import Connections
from rooms.agents.postgres.ledger import PostgresLedger

from misstep import Failure
from misstep.dev.postgres import EmbeddedPostgres
from misstep.store.migrate import migrate
from tests.invoice.postgres.conftest import MIGRATIONS, entry_of, with_connections
from tests.invoice.test_post_entry import MATCHED
from tests.invoice.turns import said, turn_of


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A Postgres that may be broken."""
    # Not pytest's own temporary directory: that is closed to the user whom Postgres runs as under root.
    with tempfile.TemporaryDirectory(prefix="misstep-invoice-") as directory:
        server = EmbeddedPostgres(Path(directory) / "postgres")
        server.start()
        migrate(str(server.dsn), also=[MIGRATIONS])
        yield server
        server.stop()


def key() -> str:
    return secrets.token_hex(8)


def test_a_killed_postgres_is_model_down_and_then_the_same_turn_books(own_postgres: EmbeddedPostgres) -> None:
    async def story(connections: Connections) -> None:
        ledger = PostgresLedger(connections, key())
        await asyncio.gather(*(ledger.book(entry_of("1.00"), key=key()) for _ in range(20)))
        own_postgres.kill()
        for _ in range(3):
            with pytest.raises(Failure) as failure:
                await post_entry(turn_of(MATCHED), ledger)
            assert failure.value.reason == "model_down"
            assert "ledger" in failure.value.detail
        own_postgres.start()
        assert said(await post_entry(turn_of(MATCHED), ledger)).entry_id

    with_connections(str(own_postgres.dsn), story)


def test_after_one_lost_connection_no_other_stale_one_is_used(own_postgres: EmbeddedPostgres) -> None:
    async def story(connections: Connections) -> None:
        ledger = PostgresLedger(connections, key())
        await asyncio.gather(*(ledger.book(entry_of("1.00"), key=key()) for _ in range(20)))
        own_postgres.kill()
        own_postgres.start()
        with pytest.raises(ConnectionError):
            await ledger.book(entry_of("1.00"), key="k")
        for number in range(8):
            await ledger.book(entry_of("1.00"), key=str(number))

    with_connections(str(own_postgres.dsn), story)


def test_a_frozen_postgres_holds_no_turn_beyond_its_budget(own_postgres: EmbeddedPostgres) -> None:
    async def story(connections: Connections) -> float:
        ledger = PostgresLedger(connections, key())
        await ledger.book(entry_of("1.00"), key="before")
        own_postgres.pause()
        began = time.monotonic()
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await ledger.book(entry_of("2.00"), key="during")
            return time.monotonic() - began
        finally:
            own_postgres.resume()
            first = await ledger.book(entry_of("2.00"), key="during")
            assert await ledger.book(entry_of("2.00"), key="during") == first

    assert with_connections(str(own_postgres.dsn), story) < 1.0


def test_a_connection_that_a_frozen_postgres_does_not_grant_holds_no_turn_either(
    own_postgres: EmbeddedPostgres,
) -> None:
    async def story(connections: Connections) -> None:
        ledger = PostgresLedger(connections, key())
        own_postgres.pause()
        try:
            with pytest.raises((TimeoutError, ConnectionError)):
                async with asyncio.timeout(0.5):
                    await ledger.book(entry_of("2.00"), key="k")
        finally:
            own_postgres.resume()
        await ledger.book(entry_of("2.00"), key="k")

    with_connections(str(own_postgres.dsn), story)


def test_nobody_listening_is_a_connection_error_within_the_budget() -> None:
    async def story(connections: Connections) -> None:
        with pytest.raises(ConnectionError, match=r"^Postgres: "):
            await PostgresLedger(connections, "n").book(entry_of("1.00"), key="k")

    began = time.monotonic()
    with_connections("postgresql://nobody@127.0.0.1:1/none", story)
    assert time.monotonic() - began < 2
