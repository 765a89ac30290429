import datetime as dt
from decimal import Decimal
from typing import Any

from rooms.agents.invoice import extract
from rooms.agents.receipts import Reading
from rooms.contracts.invoice import Receipt

from tests.invoice.office import Office
from tests.invoice.turns import refused, run, said, turn_of


class Sees:
    """A reader that sees what it is told to."""

    def __init__(self, total: Decimal | None, confidence: float) -> None:
        self._reading = Reading(None, None, None, total, "MYR", confidence)

    async def read_receipt(self, receipt: Receipt) -> Reading:
        return self._reading


def test_a_clear_receipt_is_read_with_everything_that_later_steps_need(clear: dict[str, Any], office: Office) -> None:
    turn = turn_of(Receipt.model_validate(clear))
    extracted = said(run(extract(turn, office.reader)))
    assert extracted.total == Decimal("59.00")
    assert extracted.company == "ONE ONE THREE SEAFOOD RESTAURANT SDN BHD"
    assert extracted.purchased_on == dt.date(2018, 6, 14)
    assert extracted.second is not None
    assert (extracted.second.method, extracted.second.total) == ("consensus", Decimal("59.00"))
    assert extracted.figures.items
    assert turn.noted is not None
    assert "the total stands on" in turn.noted.justification


def test_a_receipt_without_a_total_fails_and_says_what_was_seen(refund: dict[str, Any], office: Office) -> None:
    failure = refused(run(extract(turn_of(Receipt.model_validate(refund)), office.reader)))
    assert failure.reason == "rubric_fail"
    assert failure.evidence["total"] is None
    assert failure.evidence["rows"]


def test_a_doubtful_total_fails_and_is_handed_on_as_evidence(hard: dict[str, Any], office: Office) -> None:
    failure = refused(run(extract(turn_of(Receipt.model_validate(hard)), office.reader)))
    assert failure.reason == "rubric_fail"
    assert (failure.evidence["total"], failure.evidence["confidence"]) == ("170.00", 0.36)
    assert failure.evidence["doubts"]


def test_a_sum_that_no_receipt_comes_to_fails_however_sure_the_model_is(clear: dict[str, Any]) -> None:
    receipt = Receipt.model_validate(clear)
    for total in ("0.00", "-5.00", "12.345", "12345678901.00"):
        assert refused(run(extract(turn_of(receipt), Sees(Decimal(total), 0.99)))).reason == "rubric_fail"


def test_exactly_six_tenths_sure_is_sure_enough(clear: dict[str, Any]) -> None:
    receipt = Receipt.model_validate(clear)
    assert said(run(extract(turn_of(receipt), Sees(Decimal("5.00"), 0.6)))).confidence == 0.6
    assert refused(run(extract(turn_of(receipt), Sees(Decimal("5.00"), 0.5999)))).reason == "rubric_fail"


def test_a_blank_scan_fails(office: Office) -> None:
    assert refused(run(extract(turn_of(Receipt(receipt_id="r", lines=())), office.reader))).reason == "rubric_fail"
