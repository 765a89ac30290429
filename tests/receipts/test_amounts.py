from decimal import Decimal

import pytest
from rooms.agents.receipts.amounts import amounts_in, money


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("RM 1,234.50", ["1234.50"]),
        ("1.234,50", ["1234.50"]),
        ("RM1,000", ["1000.00"]),
        ("RM 5", ["5.00"]),
        ("RM.50", ["0.50"]),
        ("$8.70", ["8.70"]),
        ("5.00 RM", ["5.00"]),
        ("12,50", ["12.50"]),
        ("43.7", ["43.70"]),
        ("RM 100.00.", ["100.00"]),
    ],
)
def test_money_is_read_as_tills_write_it(text, values):
    assert [amount.value for amount in amounts_in(text)] == [Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("text", "value"), [("1O.50", "10.50"), ("l2.50", "12.50"), ("12 .50", "12.50"), ("12. 50", "12.50")]
)
def test_letters_for_digits_and_gaps_are_mended_and_marked(text, value):
    (amount,) = amounts_in(text)
    assert amount.value == Decimal(value)
    assert amount.mended


@pytest.mark.parametrize("text", ["2.07-", "(2.07)", "-RM2.07", "RM-2.07", "-2.07"])
def test_a_minus_may_stand_before_behind_or_be_brackets(text):
    assert [amount.value for amount in amounts_in(text)] == [Decimal("-2.07")]


@pytest.mark.parametrize(
    "text",
    [
        "10.00%",
        "GST 6 %",
        "01.02.2018",
        "25-03-2018",
        "09:42:19",
        "10.00.53PM",
        "22.73 LITRE",
        "1,124",
        "NO. 12",
        "9555075106825",
        "",
    ],
)
def test_percentages_dates_times_weights_and_codes_are_no_money(text):
    assert amounts_in(text) == ()


def test_tax_codes_stuck_to_an_amount_do_not_spoil_it():
    assert [amount.value for amount in amounts_in("4.20SR 50.00 SR 79.00 Z")] == [
        Decimal("4.20"),
        Decimal("50.00"),
        Decimal("79.00"),
    ]


def test_quantity_price_and_amount_are_told_apart():
    assert [str(amount.value) for amount in amounts_in("-1 X 13.50 -13.50")] == ["13.50", "-13.50"]
    assert [str(amount.value) for amount in amounts_in("5.00*1 5.00")] == ["5.00", "5.00"]


def test_the_currency_is_named_where_it_is_marked():
    assert [amount.currency for amount in amounts_in("RM1.00 $2.00 USD 3.00 S$4.00")] == ["MYR", None, "USD", "SGD"]


def test_truths_of_every_example_are_money(examples):
    assert [receipt["truth"]["total"] for receipt in examples if money(receipt["truth"]["total"]) is None] == []
