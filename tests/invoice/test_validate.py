import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from rooms.agents.invoice import extract, validate
from rooms.contracts.invoice import Receipt, SecondReading, StatedFigures, Trusted, Validated

from tests.invoice.office import Office
from tests.invoice.turns import refused, run, said, turn_of

SURE = Trusted(
    receipt_id="r",
    method="primary",
    company="KEDAI",
    purchased_on=dt.date(2018, 3, 4),
    total=Decimal("12.30"),
    currency="MYR",
    confidence=0.96,
    figures=StatedFigures(cash=Decimal("50.00"), change=Decimal("37.70")),
    second=SecondReading(method="consensus", total=Decimal("12.30"), confidence=0.98),
)


def but(**changes: Any) -> Trusted:
    return SURE.model_copy(update=changes)


def test_a_total_that_the_payment_and_the_second_reading_bear_out_goes_through() -> None:
    turn = turn_of(SURE)
    validated = said(validate(turn))
    assert (validated.total, validated.currency) == (Decimal("12.30"), "MYR")
    assert "agrees: paid" in validated.findings
    assert turn.noted is not None
    assert "agrees: paid" in turn.noted.justification


def test_figures_that_contradict_the_total_break_an_invariant_and_are_shown() -> None:
    failure = refused(validate(turn_of(but(total=Decimal("10.00")))))
    assert failure.reason == "invariant_broken"
    assert failure.evidence["figures"] == {"cash": "50.00", "change": "37.70"}
    assert "disagrees: paid" in failure.evidence["findings"]  # type: ignore[operator]


def test_two_readings_that_differ_are_a_persons_choice() -> None:
    other = SecondReading(method="consensus", total=Decimal("99.00"), confidence=0.7)
    failure = refused(validate(turn_of(but(second=other))))
    assert failure.reason == "rubric_fail"
    offered = [Validated.model_validate(one) for one in failure.evidence["suggestions"]]  # type: ignore[attr-defined]
    assert [(one.total, one.method, one.trust) for one in offered] == [
        (Decimal("12.30"), "primary", 1.0),
        (Decimal("99.00"), "consensus", 1.0),
    ]
    assert offered[0].findings == ("a person confirmed the total",)


def test_a_total_that_nothing_bears_out_is_not_trusted() -> None:
    failure = refused(validate(turn_of(but(figures=StatedFigures(), second=None))))
    assert failure.reason == "rubric_fail"
    assert failure.evidence["findings"] == ["arithmetic is silent"]


def test_a_receipt_from_tomorrow_week_breaks_an_invariant() -> None:
    ahead = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=7)
    assert refused(validate(turn_of(but(purchased_on=ahead)))).reason == "invariant_broken"


def test_the_tax_is_told_apart_only_where_the_table_of_taxes_proves_it() -> None:
    proven = StatedFigures(tax=Decimal("0.70"), taxed=Decimal("11.60"), cash=Decimal("12.30"))
    unproven = StatedFigures(tax=Decimal("0.70"), cash=Decimal("12.30"))
    assert said(validate(turn_of(but(figures=proven)))).tax == Decimal("0.70")
    assert said(validate(turn_of(but(figures=unproven)))).tax is None


def test_a_reading_that_its_reader_does_not_stand_by_is_no_trusted_one() -> None:
    with pytest.raises(ValidationError):
        Trusted.model_validate({**SURE.model_dump(), "confidence": 0.59})


def test_an_example_goes_through_as_it_was_read(clear: dict[str, Any], office: Office) -> None:
    extracted = said(run(extract(turn_of(Receipt.model_validate(clear)), office.reader)))
    trusted = Trusted.model_validate_json(extracted.model_dump_json())
    assert said(validate(turn_of(trusted))).total == Decimal("59.00")
