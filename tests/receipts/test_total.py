from decimal import Decimal

import pytest
from rooms.agents.receipts import read_primary


@pytest.mark.parametrize(
    ("receipt_id", "total", "because"),
    [
        ("sroie-104", "102.40", "the second TOTAL, after a rounding that names itself nowhere"),
        ("sroie-186", "45.35", "a sum beside ROUNDING is the rounded total"),
        ("sroie-274", "28.05", "NET TOTAL below a rounding"),
        ("sroie-366", "68.63", "TOTAL PAYABLE below part totals"),
        ("sroie-310", "7.20", "GRAND TOTAL after a coupon"),
        ("sroie-420", "2.28", "rounding after the cash changes no total"),
        ("sroie-066", "8.20", "TOTAL INCLUDES GST beside the total"),
        ("sroie-246", "7.50", "nothing but DUE"),
        ("sroie-584", "5.00", "AMOUNT INCL. GST, not ACCEPTED TOTAL"),
        ("sroie-294", "44.90", "TL:RM"),
        ("sroie-532", "43.40", "SUBTOTAL with the sum on the row below"),
        ("sroie-270", "250.00", "TOTAL AMOUNT DUE above a tax table with totals"),
    ],
)
def test_the_total_is_found_where(by_id, receipt_id, total, because):
    assert read_primary(by_id[receipt_id]["lines"]).total == Decimal(total), because


def test_the_evidence_names_the_row_and_the_runners_up(by_id):
    evidence = read_primary(by_id["sroie-274"]["lines"]).evidence
    assert evidence["row"] == "NET TOTAL RM28.05"
    assert evidence["runners_up"] == ["28.03 total with tax: before rounding"]


def test_a_receipt_whose_rows_name_no_total_has_none():
    reading = read_primary([{"x": 0, "y": 0, "w": 90, "h": 10, "text": "THANK YOU 12.50"}])
    assert reading.total is None
    assert reading.confidence == 0
