"""The register of purchase orders on a real Postgres."""

import datetime as dt
from decimal import Decimal

from rooms.agents.invoice_orders import match
from rooms.agents.postgres.orders import PostgresOrders

from tests.invoice.postgres.conftest import with_connections

DAY = dt.date(2018, 3, 24)


def match_in_register(dsn: str, company: str, total: str = "12.30") -> tuple[str | None, list[str]]:
    orders = with_connections(dsn, lambda c: PostgresOrders(c).orders_like(company))
    found = match(orders, company, Decimal(total), "MYR", DAY)
    return found.order.order_number if found.order else None, [one.order_number for one in found.suggestions]


def test_suppliers_of_the_examples_have_their_orders(dsn: str) -> None:
    assert match_in_register(dsn, "MR. D.I.Y. (M) SDN BHD") == ("PO-1713", [])
    assert match_in_register(dsn, "SYARIKAT PERNIAGAAN GIN KEE", "270.30") == ("PO-1703", [])
    assert match_in_register(dsn, "SYARIKAT PERNIAGAAN GIN KEE", "465.34") == ("PO-1704", [])


def test_a_sister_company_is_offered_likeliest_first(dsn: str) -> None:
    number, suggested = match_in_register(dsn, "MR. D.I.Y. (KUCHAI) SDN BHD")
    assert number is None
    assert set(suggested) == {"PO-1713", "PO-1714"}


def test_a_stranger_has_neither(dsn: str) -> None:
    assert match_in_register(dsn, "ZZYZX HOLDINGS") == (None, [])


def test_a_name_that_is_no_word_finds_nothing(dsn: str) -> None:
    assert match_in_register(dsn, "???") == (None, [])
    assert match_in_register(dsn, "'; DROP TABLE purchase_orders; --") == (None, [])
