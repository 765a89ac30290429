import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.invoice import match_order, without_order
from rooms.agents.invoice_in_memory import InMemoryOrders
from rooms.agents.invoice_orders import PurchaseOrder, likeness, words_of_name
from rooms.contracts.invoice import Validated

from misstep import Failure
from tests.invoice.turns import run, said, turn_of

DIY = PurchaseOrder("PO-1", "MR. D.I.Y. (M) SDN BHD", "MYR", Decimal(100), dt.date(2018, 1, 1), dt.date(2018, 12, 31))
JOHOR = PurchaseOrder("PO-2", "MR. D.I.Y. (JOHOR) SDN BHD", "MYR", Decimal(100), DIY.valid_from, DIY.valid_until)
BAKERY = PurchaseOrder("PO-3", "GARDENIA BAKERIES", "MYR", Decimal(100), DIY.valid_from, DIY.valid_until)
BOUGHT = Validated(
    receipt_id="r",
    company="MR. D.I.Y. (M) SDN BHD",
    purchased_on=dt.date(2018, 3, 4),
    total=Decimal("12.30"),
    tax=Decimal("0.70"),
    currency="MYR",
    method="primary",
    trust=0.99,
    findings=(),
)


def but(**changes: Any) -> Validated:
    return BOUGHT.model_copy(update=changes)


def matched(validated: Validated, *orders: PurchaseOrder) -> Any:
    return said(run(match_order(turn_of(validated), InMemoryOrders(orders))))


def test_the_suppliers_own_order_that_covers_the_purchase_is_taken() -> None:
    found = matched(BOUGHT, JOHOR, DIY, BAKERY)
    assert found.order_number == "PO-1"
    assert found.suggestions == ()
    assert (found.total, found.tax, found.company) == (BOUGHT.total, BOUGHT.tax, BOUGHT.company)


def test_of_several_that_cover_it_the_tightest_is_taken() -> None:
    wide = PurchaseOrder("PO-0", DIY.supplier, "MYR", Decimal(9000), DIY.valid_from, DIY.valid_until)
    assert matched(BOUGHT, wide, DIY).order_number == "PO-1"


def test_a_name_printed_otherwise_is_the_same_name() -> None:
    assert matched(but(company="Mr D.I.Y. (M) Sdn. Bhd."), DIY).order_number == "PO-1"


def test_a_sister_company_is_suggested_and_never_taken() -> None:
    found = matched(BOUGHT, BAKERY, JOHOR)
    assert found.order_number is None
    assert [(one.order_number, one.why_not) for one in found.suggestions] == [("PO-2", "another name")]


def test_a_misread_letter_still_finds_its_suggestion() -> None:
    found = matched(but(company="GARDENLA BAKERIES"), BAKERY, JOHOR)
    assert [one.order_number for one in found.suggestions] == ["PO-3"]


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"total": Decimal("100.01")}, "up to 100 only"),
        ({"currency": "SGD"}, "in MYR"),
        ({"purchased_on": dt.date(2019, 1, 1)}, "valid 2018-01-01 to 2018-12-31"),
        ({"purchased_on": None}, "day of purchase unknown"),
    ],
)
def test_an_order_that_does_not_cover_the_purchase_is_suggested_first_with_why(
    changes: dict[str, Any], why_not: str
) -> None:
    found = matched(but(**changes), JOHOR, DIY)
    assert found.order_number is None
    assert (found.suggestions[0].order_number, found.suggestions[0].alike) == ("PO-1", 1.0)
    assert found.suggestions[0].why_not == why_not


def test_without_a_company_nothing_is_asked_and_the_receipt_goes_on() -> None:
    orders = InMemoryOrders([DIY])
    orders.down = True
    found = said(run(match_order(turn_of(but(company=None)), orders)))
    assert (found.order_number, found.suggestions) == (None, ())


def test_a_register_that_is_down_is_a_dependency_that_is_down() -> None:
    orders = InMemoryOrders([DIY])
    orders.down = True
    with pytest.raises(Failure) as failure:
        run(match_order(turn_of(BOUGHT), orders))
    assert failure.value.reason == "model_down"


def test_the_neutral_default_is_the_same_receipt_under_no_order() -> None:
    found = without_order(turn_of(BOUGHT))
    assert (found.order_number, found.suggestions) == (None, ())
    assert (found.total, found.tax, found.company) == (BOUGHT.total, BOUGHT.tax, BOUGHT.company)


def test_a_name_of_nothing_but_forms_is_known_by_them() -> None:
    assert words_of_name("SDN BHD") == ("SDN", "BHD")
    assert words_of_name("???") == ()
    assert likeness("???", "???") == 0
