"""One suite for the services in Postgres and in memory: rehearsals may rely on the same promises as production."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from rooms.agents.credit_funds import Funds, Reservation, Unreservable
from rooms.agents.credit_in_memory import InMemoryFunds, InMemoryRegister
from rooms.agents.credit_register import CreditRegister, Loan, Refused
from rooms.agents.postgres.connections import Connections
from rooms.agents.postgres.credit_register import PostgresRegister
from rooms.agents.postgres.funds import PostgresFunds

from tests.credit.postgres.conftest import with_connections

WithFunds = Callable[[Callable[[Funds], Awaitable[Any]]], Any]
WithRegister = Callable[[Callable[[CreditRegister], Awaitable[Any]]], Any]


def money(amount: str, case_id: str = "case-1", application_id: str = "213459") -> Reservation:
    return Reservation(case_id, application_id, Decimal(amount))


def loan(application_id: str, case_id: str = "case-1") -> Loan:
    return Loan(case_id, application_id, Decimal(5_000))


@pytest.fixture(params=["postgres", "memory"])
def with_funds(request: pytest.FixtureRequest, dsn: str, namespace: str) -> WithFunds:
    if request.param == "memory":
        return lambda work: asyncio.run(_called(work, InMemoryFunds()))
    return lambda work: with_connections(dsn, lambda c: work(PostgresFunds(c, namespace)))


@pytest.fixture(params=["postgres", "memory"])
def with_register(request: pytest.FixtureRequest, dsn: str, namespace: str) -> WithRegister:
    if request.param == "memory":
        return lambda work: asyncio.run(_called(work, InMemoryRegister()))
    return lambda work: with_connections(dsn, lambda c: work(PostgresRegister(c, namespace)))


async def _called(work: Callable[[Any], Awaitable[Any]], service: Any) -> Any:
    return await work(service)


def test_the_same_key_reserves_once_also_at_the_same_moment(with_funds: WithFunds) -> None:
    async def work(funds: Funds) -> list[str]:
        return await asyncio.gather(*(funds.reserve(money("5000"), key="k") for _ in range(20)))

    assert len(set(with_funds(work))) == 1


def test_the_same_key_for_another_sum_or_case_is_refused(with_funds: WithFunds) -> None:
    async def work(funds: Funds) -> None:
        await funds.reserve(money("5000"), key="k")
        for other in (money("5000.01"), money("5000", case_id="case-2"), money("5000", application_id="2")):
            with pytest.raises(Unreservable, match="stands for another reservation"):
                await funds.reserve(other, key="k")

    with_funds(work)


def test_a_release_is_done_once_and_answers_alike(with_funds: WithFunds) -> None:
    async def work(funds: Funds) -> tuple[str, list[str | None]]:
        number = await funds.reserve(money("5000"), key="k")
        return number, [await funds.release("k") for _ in range(3)]

    number, released = with_funds(work)
    assert released == [number] * 3


def test_what_was_released_before_it_was_reserved_never_is(with_funds: WithFunds) -> None:
    async def work(funds: Funds) -> None:
        assert await funds.release("k") is None
        with pytest.raises(Unreservable, match="was released"):
            await funds.reserve(money("5000"), key="k")
        assert await funds.release("k") is None

    with_funds(work)


def test_an_application_stands_in_the_register_once(with_register: WithRegister) -> None:
    async def work(entries: CreditRegister) -> None:
        number = await entries.enter(loan("1"), key="a")
        assert await entries.enter(loan("1"), key="a") == number
        assert await entries.enter(loan("2"), key="b") != number
        with pytest.raises(Refused, match="application 1 stands there already, by case case-1"):
            await entries.enter(loan("1", "case-2"), key="c")
        assert await entries.withdraw("a") == number
        assert await entries.withdraw("a") == number
        assert await entries.enter(loan("1", "case-2"), key="c") != number

    with_register(work)


def test_an_entry_that_was_taken_out_first_is_refused_when_it_comes(with_register: WithRegister) -> None:
    async def work(entries: CreditRegister) -> None:
        assert await entries.withdraw("a") is None
        with pytest.raises(Refused, match="was taken out"):
            await entries.enter(loan("1"), key="a")

    with_register(work)


def test_a_reservation_and_its_release_at_the_same_moment_leave_nothing_aside(
    dsn: str, db: psycopg.Connection[tuple[Any, ...]], namespace: str
) -> None:
    async def race(connections: Connections) -> None:
        funds = PostgresFunds(connections, namespace)

        async def reserve(key: str) -> None:
            with contextlib.suppress(Unreservable):  # the release was first
                await funds.reserve(money("10"), key=key)

        keys = [f"k{number}" for number in range(40)]
        await asyncio.gather(*(one for key in keys for one in (reserve(key), funds.release(key))))

    with_connections(dsn, race)
    assert db.execute("SELECT * FROM credit_reserved WHERE namespace = %s", [namespace]).fetchall() == []


def test_two_namespaces_share_nothing(dsn: str, db: psycopg.Connection[tuple[Any, ...]], namespace: str) -> None:
    async def both(connections: Connections) -> None:
        for name, amount in ((namespace, "10"), (f"{namespace}-b", "20")):
            await PostgresFunds(connections, name).reserve(money(amount), key="k")
            await PostgresRegister(connections, name).enter(loan("1"), key="k")

    with_connections(dsn, both)
    found = db.execute(
        "SELECT offers, amount FROM credit_reserved WHERE namespace LIKE %s ORDER BY amount", [f"{namespace}%"]
    )
    assert found.fetchall() == [(1, Decimal(10)), (1, Decimal(20))]


def test_postgres_that_is_away_is_a_connection_error() -> None:
    async def work(connections: Connections) -> None:
        with pytest.raises(ConnectionError):
            await PostgresFunds(connections, "n").reserve(money("10"), key="k")
        with pytest.raises(ConnectionError):
            await PostgresRegister(connections, "n").withdraw("k")

    with_connections("postgresql://nobody@127.0.0.1:1/none", work)
