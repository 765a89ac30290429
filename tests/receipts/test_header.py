import pytest
from rooms.agents.receipts import read_primary


@pytest.mark.parametrize(
    ("receipt_id", "company"),
    [
        ("sroie-208", "MR. D.I.Y. (M) SDN BHD"),
        ("sroie-012", "HOME MASTER HARDWARE & ELECTRICAL"),
        ("sroie-398", "99 SPEED MART S/B"),
        ("sroie-104", "T.A.S LEISURE SDN BHD"),
        ("sroie-246", "KING'S CONFECTIONERY S/B"),
        ("sroie-560", "RESTORAN WAN SHENG"),
    ],
)
def test_the_company_is_named_without_its_registration(by_id, receipt_id, company):
    assert read_primary(by_id[receipt_id]["lines"]).company == company


def test_the_address_is_the_run_of_rows_that_name_a_place(by_id):
    assert read_primary(by_id["sroie-208"]["lines"]).address == (
        "LOT 1851-A & 1851-B, JALAN KPB 6, KAWASAN PERINDUSTRIAN BALAKONG, 43300 SERI KEMBANGAN, SELANGOR"
    )


def test_ringgit_is_the_currency_unless_another_is_marked(by_id):
    assert read_primary(by_id["sroie-430"]["lines"]).currency == "MYR"
    foreign = [{"x": 0, "y": 0, "w": 90, "h": 10, "text": "TOTAL USD 12.50"}]
    assert read_primary(foreign).currency == "USD"
