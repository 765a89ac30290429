from decimal import Decimal

from rooms.agents.receipts import read_by_consensus


def receipt(*rows):
    return [
        {"x": 300 * at, "y": 30 * down, "w": 100, "h": 20, "text": text}
        for down, row in enumerate(rows)
        for at, text in enumerate(row)
        if text
    ]


def test_cash_less_change_and_the_items_give_the_total_without_its_word():
    reading = read_by_consensus(
        receipt(("TEH", "2.20"), ("DUNHILL", "17.00"), ("~~~~", "19.20"), ("CASH", "50.00"), ("CHANGE", "30.80"))
    )
    assert reading.total == Decimal("19.20")
    assert set(reading.evidence["ways"]) >= {"cash less change", "items"}


def test_a_row_that_is_the_difference_of_the_two_below_needs_no_words():
    reading = read_by_consensus(
        receipt(("AB", "4.10"), ("CD", "3.20"), ("EF", "7.30"), ("GH", "10.00"), ("IJ", "2.70"))
    )
    assert reading.total == Decimal("7.30")


def test_what_was_tendered_is_not_the_total():
    reading = read_by_consensus(
        receipt(("A", "7.00"), ("B", "7.00"), ("CASH", "50.00"), ("CHANGE", "43.00"), ("CARD", "50.00"))
    )
    assert reading.total == Decimal("7.00")


def test_the_sum_after_rounding_outdoes_the_one_before_it(by_id):
    assert read_by_consensus(by_id["sroie-274"]["lines"]).total == Decimal("28.05")


def test_sums_that_agree_on_nothing_give_no_total():
    reading = read_by_consensus(receipt(("A", "1.10"), ("B", "27.35"), ("C", "3.99")))
    assert reading.total is None
    assert reading.confidence == 0


def test_it_finds_totals_when_every_total_word_is_wiped_out(examples):
    from rooms.agents.receipts.amounts import money

    right = 0
    for example in examples:
        wiped = [dict(line, text=line["text"].replace("TOTAL", "#####")) for line in example["lines"]]
        right += read_by_consensus(wiped).total == money(example["truth"]["total"])
    assert right / len(examples) >= 0.9
