from decimal import Decimal

from rooms.agents.receipts import Figures, check_arithmetic, read_primary


def figures(**sums):
    return Figures(**{name: Decimal(value) for name, value in sums.items()})


def test_cash_less_change_agrees_to_the_sen():
    paid = figures(cash="50.00", change="37.70")
    assert check_arithmetic(paid, Decimal("12.30")).agrees == ("paid",)
    assert check_arithmetic(paid, Decimal("10.00")).disagrees == ("paid",)


def test_a_few_sen_off_agree_only_with_the_rounding_that_is_printed():
    assert check_arithmetic(figures(cash="50.00", change="37.65", rounding="-0.02"), Decimal("12.37")).agrees == (
        "paid",
    )
    assert check_arithmetic(figures(cash="50.00", change="37.65"), Decimal("12.34")).silent


def test_subtotal_service_and_tax_build_the_total_up():
    built = figures(subtotal="26.60", service="2.66", tax="1.76", rounding="-0.02")
    assert check_arithmetic(built, Decimal("31.00")).holds
    assert check_arithmetic(built, Decimal("35.00")).disagrees == ("built up",)


def test_a_tax_included_in_the_subtotal_is_not_added_again():
    assert check_arithmetic(figures(subtotal="62.00", tax="3.51"), Decimal("62.00")).holds


def test_nothing_to_reckon_with_is_silent():
    assert check_arithmetic(Figures(), Decimal("5.00")).silent


def test_the_figures_of_a_real_receipt_are_read(by_id):
    read = read_primary(by_id["sroie-104"]["lines"]).figures
    assert (read.subtotal, read.service, read.tax) == (Decimal("87.80"), Decimal("8.78"), Decimal("5.81"))
    read = read_primary(by_id["sroie-310"]["lines"]).figures
    assert (read.subtotal, read.discount, read.cash, read.change) == (
        Decimal("15.60"),
        Decimal("8.40"),
        Decimal("10.00"),
        Decimal("2.80"),
    )


def test_nine_in_ten_right_totals_are_borne_out_by_arithmetic(examples):
    readings = [read_primary(example["lines"]) for example in examples]
    held = [check_arithmetic(reading.figures, reading.total).holds for reading in readings if reading.total]
    assert sum(held) / len(held) >= 0.9
