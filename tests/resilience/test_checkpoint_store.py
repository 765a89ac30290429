"""What holds of every store of checkpoints: one suite, over each of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misstep.agents.down import is_down
from misstep.dev.ports import free_port
from misstep.errors import ServerUnreachable
from misstep.store.checkpoint import CHECKPOINT_MAX_BYTES, CheckpointStore, TurnPlace
from misstep.store.checkpoints import PostgresCheckpoints
from misstep.testing.checkpoints import InMemoryCheckpoints

Talk = Callable[[CheckpointStore], Awaitable[None]]


@pytest.fixture(params=["postgres", "memory"])
def with_store(request: pytest.FixtureRequest, namespace: str) -> Callable[[Talk], None]:
    """Runs a talk with a fresh store."""
    dsn = request.getfixturevalue("dsn") if request.param == "postgres" else None

    def run(talk: Talk) -> None:
        async def talked() -> None:
            if dsn is None:
                await talk(InMemoryCheckpoints())
                return
            store = PostgresCheckpoints(dsn, namespace)
            try:
                await talk(store)
            finally:
                await store.close()

        asyncio.run(talked())

    return run


def place(case_id: str = "case-1", epoch: int = 0, version: int = 3, agent: str = "read") -> TurnPlace:
    return TurnPlace("work", case_id, epoch, f"work/{case_id}/{epoch}/{version}/{agent}")


def test_what_was_saved_is_loaded_and_nothing_else(with_store: Callable[[Talk], None]) -> None:
    async def talk(store: CheckpointStore) -> None:
        assert await store.load(place(), "ocr") is None
        assert await store.save(place(), "ocr", '{"total": 12.50}') == '{"total": 12.50}'
        assert await store.load(place(), "ocr") == '{"total": 12.50}'
        for other, step in (
            (place(), "price"),
            (place(version=4), "ocr"),
            (place(agent="price"), "ocr"),
            (place(epoch=1), "ocr"),
            (place("case-2"), "ocr"),
        ):
            assert await store.load(other, step) is None

    with_store(talk)


def test_the_first_result_stays(with_store: Callable[[Talk], None]) -> None:
    async def talk(store: CheckpointStore) -> None:
        await store.save(place(), "ocr", "1")
        assert await store.save(place(), "ocr", "2") == "1"
        assert await store.load(place(), "ocr") == "1"

    with_store(talk)


def test_of_many_at_once_all_are_told_the_same(with_store: Callable[[Talk], None]) -> None:
    async def talk(store: CheckpointStore) -> None:
        told = await asyncio.gather(*(store.save(place(), "ocr", str(number)) for number in range(16)))
        assert len(set(told)) == 1
        await asyncio.gather(*(store.save(place(f"many-{number}"), "ocr", str(number)) for number in range(16)))
        loaded = await asyncio.gather(*(store.load(place(f"many-{number}"), "ocr") for number in range(16)))
        assert loaded == [str(number) for number in range(16)]

    with_store(talk)


def test_a_turns_results_are_told_by_step_and_a_later_lifes_win(with_store: Callable[[Talk], None]) -> None:
    async def talk(store: CheckpointStore) -> None:
        assert await store.of_turn(place().key) == {}
        await store.save(place(), "ocr", '{"total": "12.50"}')
        await store.save(place(), "rate", "1.25")
        await store.save(place(version=9), "ocr", "null")
        assert await store.of_turn(place().key) == {"ocr": {"total": "12.50"}, "rate": 1.25}
        brought_back = TurnPlace("work", "case-1", 1, place().key)
        await store.save(brought_back, "rate", "1.5")
        assert await store.of_turn(place().key) == {"ocr": {"total": "12.50"}, "rate": 1.5}

    with_store(talk)


def test_a_life_of_a_case_is_forgotten_and_no_other(with_store: Callable[[Talk], None]) -> None:
    async def talk(store: CheckpointStore) -> None:
        for turn in (place(), place(version=4), place(epoch=1), place("case-2")):
            await store.save(turn, "ocr", "1")
        assert await store.forget("work", "case-1", 0) == 2
        assert await store.forget("work", "case-1", 0) == 0
        assert await store.load(place(), "ocr") is None
        assert await store.load(place(epoch=1), "ocr") == "1"
        assert await store.load(place("case-2"), "ocr") == "1"
        assert await store.forget("other", "case-2", 0) == 0

    with_store(talk)


def test_the_largest_that_is_allowed_and_the_longest_names_are_kept(with_store: Callable[[Talk], None]) -> None:
    async def talk(store: CheckpointStore) -> None:
        large = json.dumps("x" * (CHECKPOINT_MAX_BYTES - 2))
        long = place("c" * 5_000)
        await store.save(long, "s" * 200, large)
        assert await store.load(long, "s" * 200) == large
        assert await store.load(place("c" * 5_001), "s" * 200) is None
        assert await store.forget("work", long.case_id, 0) == 1

    with_store(talk)


Json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(Json, min_size=1, max_size=8))
def test_any_json_comes_back_as_the_text_that_it_was(with_store: Callable[[Talk], None], values: list[Any]) -> None:
    async def talk(store: CheckpointStore) -> None:
        await store.forget("work", "case-\u0000-1", 0)
        for number, value in enumerate(values):
            text = json.dumps(value)
            await store.save(place("case-\u0000-1"), f"step-{number}", text)
            assert await store.load(place("case-\u0000-1"), f"step-{number}") == text
        assert list((await store.of_turn(place("case-\u0000-1").key)).values()) == values

    with_store(talk)


# -- Postgres alone ---------------------------------------------------------------------------------------------------


def test_postgres_is_not_reached_before_it_is_asked() -> None:
    async def made() -> None:
        await PostgresCheckpoints(f"postgresql://me@127.0.0.1:{free_port()}/nowhere", "ns").close()
        await PostgresCheckpoints(None, "ns").close()

    asyncio.run(made())


def test_postgres_that_does_not_answer_is_down_and_no_secret_is_told() -> None:
    async def ask(dsn: str | None) -> ServerUnreachable:
        with pytest.raises(ServerUnreachable) as told:
            await PostgresCheckpoints(dsn, "ns").load(place(), "ocr")
        assert is_down(told.value)
        return told.value

    away = asyncio.run(ask(f"postgresql://me:secret@127.0.0.1:{free_port()}/misstep"))
    assert "does not answer" in str(away)
    assert "secret" not in str(away)
    assert "misstep up" in str(asyncio.run(ask(None)))


def test_a_database_without_the_table_says_what_to_do(dsn: str, namespace: str) -> None:
    async def ask(bare: str) -> None:
        store = PostgresCheckpoints(bare, namespace)
        try:
            with pytest.raises(ServerUnreachable, match="misstep apply"):
                await store.load(place(), "ocr")
        finally:
            await store.close()

    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {namespace}")  # type: ignore[arg-type]
        try:
            asyncio.run(ask(psycopg.conninfo.make_conninfo(dsn, dbname=namespace)))
        finally:
            admin.execute(f"DROP DATABASE {namespace} WITH (FORCE)")  # type: ignore[arg-type]


def test_connections_that_the_server_closed_are_made_anew(dsn: str, namespace: str) -> None:
    async def talk() -> None:
        store = PostgresCheckpoints(dsn, namespace)
        await store.save(place(), "ocr", "1")
        with psycopg.connect(dsn, autocommit=True) as admin:
            hung_up = admin.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s",
                [f"{namespace} checkpoints"],
            ).fetchone()
        assert hung_up is not None
        assert hung_up[0] >= 1
        assert await store.load(place(), "ocr") == "1"
        await store.close()

    asyncio.run(talk())


def test_a_turn_that_is_cancelled_leaves_the_others_a_connection(dsn: str, namespace: str) -> None:
    async def talk() -> None:
        store = PostgresCheckpoints(dsn, namespace)
        with psycopg.connect(dsn) as lock:
            lock.execute("LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE")
            for _ in range(6):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await store.load(place(), "ocr")
        await store.save(place(), "ocr", "1")
        assert await store.load(place(), "ocr") == "1"
        await store.close()

    asyncio.run(talk())


def test_the_worker_may_remember_and_forget_and_no_more(dsn: str, namespace: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET ROLE misstep_worker")
        connection.execute("SELECT FROM checkpoints WHERE namespace = %s", [namespace])
        for refused in ("UPDATE checkpoints SET value = 'null'", "SELECT FROM case_turns", "TRUNCATE checkpoints"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused)  # type: ignore[arg-type]
