"""The ledger on a real Postgres."""

import asyncio
import dataclasses
import time
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from rooms.agents.invoice_ledger import PAYABLE, UNORDERED, Line, Unbookable
from rooms.agents.postgres.connections import Connections
from rooms.agents.postgres.ledger import PostgresLedger

from tests.invoice.postgres.conftest import entry_of, with_connections

Database = psycopg.Connection[tuple[Any, ...]]


def lines_booked(db: Database, entry_id: str) -> list[tuple[Any, ...]]:
    return db.execute(
        "SELECT account, amount FROM ledger_lines WHERE entry_id = %s ORDER BY line", [int(entry_id)]
    ).fetchall()


def entries_of(db: Database, namespace: str) -> int:
    (count,) = db.execute("SELECT count(*) FROM ledger_entries WHERE namespace = %s", [namespace]).fetchone() or (0,)
    return int(count)


def test_an_entry_is_booked_whole(dsn: str, db: Database, namespace: str) -> None:
    entry_id = with_connections(dsn, lambda c: PostgresLedger(c, namespace).book(entry_of("12.30", "0.70"), key="k"))
    assert [amount for _, amount in lines_booked(db, entry_id)] == [
        Decimal("11.60"),
        Decimal("0.70"),
        Decimal("-12.30"),
    ]


def test_the_same_key_books_once_and_gets_the_same_number(dsn: str, db: Database, namespace: str) -> None:
    async def thrice(connections: Connections) -> list[str]:
        ledger = PostgresLedger(connections, namespace)
        return [await ledger.book(entry_of("12.30"), key="k") for _ in range(3)]

    assert len(set(with_connections(dsn, thrice))) == 1
    assert entries_of(db, namespace) == 1


def test_the_same_key_at_the_same_moment_books_once(dsn: str, db: Database, namespace: str) -> None:
    async def at_once(connections: Connections) -> list[str]:
        ledger = PostgresLedger(connections, namespace)
        return await asyncio.gather(*(ledger.book(entry_of("12.30"), key="k") for _ in range(40)))

    assert len(set(with_connections(dsn, at_once, most=8))) == 1
    assert entries_of(db, namespace) == 1


def test_the_same_key_for_another_sum_is_refused(dsn: str, namespace: str) -> None:
    async def twice(connections: Connections) -> None:
        ledger = PostgresLedger(connections, namespace)
        await ledger.book(entry_of("12.30"), key="k")
        await ledger.book(entry_of("99.00"), key="k")

    with pytest.raises(Unbookable, match="stands for another entry"):
        with_connections(dsn, twice)


def test_two_namespaces_on_one_server_do_not_share_keys(dsn: str, namespace: str) -> None:
    async def both(connections: Connections) -> list[str]:
        return [
            await PostgresLedger(connections, name).book(entry_of("12.30"), key="k")
            for name in (namespace, f"{namespace}-b")
        ]

    one, other = with_connections(dsn, both)
    assert one != other


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([("5900", "12.30"), ("2100", "-12.29")], "out of balance by 0.01"),
        ([("5900", "12.30")], "has 1 line"),
        ([], "has 0 line"),
        ([("5900", "12.30"), ("2100", "-12.30"), ("2100", "0.00")], "ledger_lines_amount_check"),
    ],
)
def test_what_does_not_balance_is_refused_by_the_database_and_leaves_nothing(
    dsn: str, db: Database, namespace: str, lines: list[tuple[str, str]], why: str
) -> None:
    entry = dataclasses.replace(entry_of("12.30"), lines=[Line(name, Decimal(amount)) for name, amount in lines])
    with pytest.raises(Unbookable, match=why):
        with_connections(dsn, lambda c: PostgresLedger(c, namespace).book(entry, key="k"))
    assert entries_of(db, namespace) == 0


def test_nothing_that_is_booked_can_be_changed(dsn: str, db: Database, namespace: str) -> None:
    entry_id = with_connections(dsn, lambda c: PostgresLedger(c, namespace).book(entry_of("12.30"), key="k"))
    for change in (
        "UPDATE ledger_lines SET amount = amount * 2 WHERE entry_id = %s",
        "DELETE FROM ledger_lines WHERE entry_id = %s",
        "UPDATE ledger_entries SET currency = 'USD' WHERE entry_id = %s",
        "DELETE FROM ledger_entries WHERE entry_id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            db.execute(change, [int(entry_id)])
    with pytest.raises(psycopg.errors.CheckViolation, match="out of balance"):
        db.execute("INSERT INTO ledger_lines VALUES (%s, 9, '5900', 1)", [int(entry_id)])


def test_an_entry_is_reversed_once_by_its_opposite(dsn: str, db: Database, namespace: str) -> None:
    async def reverse_twice(connections: Connections) -> tuple[str, list[tuple[str, str] | None]]:
        ledger = PostgresLedger(connections, namespace)
        booked = await ledger.book(entry_of("12.30", ordered=False), key="k")
        return booked, [await ledger.reverse("k", reversing_key=f"k/{suffix}") for suffix in ("undo", "undo", "other")]

    booked, answers = with_connections(dsn, reverse_twice)
    assert len(set(answers)) == 1
    assert answers[0] is not None
    assert answers[0][0] == booked
    assert lines_booked(db, answers[0][1]) == [(UNORDERED, Decimal("-12.30")), (PAYABLE, Decimal("12.30"))]


def test_where_nothing_was_booked_nothing_is_reversed(dsn: str, namespace: str) -> None:
    assert with_connections(dsn, lambda c: PostgresLedger(c, namespace).reverse("k", reversing_key="u")) is None


def test_booking_takes_a_few_milliseconds(dsn: str, namespace: str) -> None:
    async def many(connections: Connections) -> float:
        ledger = PostgresLedger(connections, namespace)
        await ledger.book(entry_of("12.30"), key="warm")
        began = time.perf_counter()
        for number in range(100):
            await ledger.book(entry_of("12.30"), key=str(number))
        return (time.perf_counter() - began) * 10

    assert with_connections(dsn, many) < 50
