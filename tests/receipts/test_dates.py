import datetime as dt

import pytest
from rooms.agents.receipts.dates import find_date, is_plausible, parse_date
from rooms.agents.receipts.layout import rows_of


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("25/12/2018 8:13:39 PM", dt.date(2018, 12, 25)),
        ("DATE: 25-12-18", dt.date(2018, 12, 25)),
        ("25 DEC 2018 18:21", dt.date(2018, 12, 25)),
        ("30 DEC 17", dt.date(2017, 12, 30)),
        ("05-JAN-2017 03:17:50 PM", dt.date(2017, 1, 5)),
        ("15/APR/2017", dt.date(2017, 4, 15)),
        ("OCT 3, 2016", dt.date(2016, 10, 3)),
        ("2018-12-25", dt.date(2018, 12, 25)),
        ("25032018", dt.date(2018, 3, 25)),
        ("9/3/2018", dt.date(2018, 3, 9)),
        ("29-03/2018", dt.date(2018, 3, 29)),
        ("O4/06/2O18", dt.date(2018, 6, 4)),
        ("THURSDAY, 14 DECEMBER, 2017 12:48:02", dt.date(2017, 12, 14)),
        ("02/03/2018", dt.date(2018, 3, 2)),
    ],
)
def test_a_date_is_read_in_the_ways_tills_write_it(text, date):
    assert parse_date(text) == date


def test_a_month_first_date_is_read_when_nothing_else_is_possible():
    (found,) = [find_date(rows_of([{"x": 0, "y": 0, "w": 100, "h": 10, "text": "12/25/2018"}]))]
    assert found.value == dt.date(2018, 12, 25)
    assert found.month_first


@pytest.mark.parametrize("text", ["31/02/2018", "GST ID: 000306020352", "12.50", "1-300-80-2366", "10.12.14.16", ""])
def test_what_is_no_date_is_not_read_as_one(text):
    assert parse_date(text) is None


def test_the_date_of_purchase_outdoes_the_promotions():
    rows = rows_of(
        [
            {"x": 0, "y": 0, "w": 100, "h": 10, "text": "14-01-2018 (SUN) 16:02"},
            {"x": 0, "y": 30, "w": 100, "h": 10, "text": "VALID UNTIL 24/11/2019"},
        ]
    )
    assert find_date(rows).value == dt.date(2018, 1, 14)


def test_before_2000_and_the_future_are_implausible():
    today = dt.date(2019, 6, 1)
    assert not is_plausible(dt.date(1999, 12, 31))
    assert not is_plausible(dt.date(2019, 6, 3), today)
    assert is_plausible(dt.date(2019, 6, 2), today)
    assert not is_plausible(dt.date(2081, 1, 1))
