from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.invoice import extract, extract_fallback
from rooms.contracts.invoice import Receipt, SecondReading, Trusted

from misstep import Failure
from tests.invoice.office import Office
from tests.invoice.turns import refused, run, said, turn_of


def test_what_extract_doubted_the_sums_agree_on_and_both_readings_are_kept(
    hard: dict[str, Any], office: Office
) -> None:
    receipt = Receipt.model_validate(hard)
    doubt = refused(run(extract(turn_of(receipt), office.reader)))
    extracted = said(extract_fallback(turn_of(receipt, failure=doubt)))
    assert (extracted.method, extracted.total) == ("consensus", Decimal("170.00"))
    assert extracted.second == SecondReading(method="primary", total=Decimal("170.00"), confidence=0.36)


def test_after_a_slow_model_there_is_no_second_reading(clear: dict[str, Any]) -> None:
    slow = Failure("latency_blow", "too slow", {"took_ms": 2_001}, "extract")
    extracted = said(extract_fallback(turn_of(Receipt.model_validate(clear), failure=slow)))
    assert extracted.total == Decimal("59.00")
    assert extracted.company
    assert extracted.purchased_on
    assert extracted.second is None


def test_a_receipt_whose_sums_agree_on_nothing_fails_with_evidence(refund: dict[str, Any]) -> None:
    failure = refused(extract_fallback(turn_of(Receipt.model_validate(refund))))
    assert failure.reason == "rubric_fail"
    assert failure.evidence["method"] == "consensus"


def test_whoever_must_decide_is_offered_the_totals_that_were_read(clear: dict[str, Any]) -> None:
    blank = Receipt(receipt_id="r", lines=())
    doubt = Failure("rubric_fail", "unsure", {"total": "12.30", "confidence": 0.4}, "extract")
    failure = refused(extract_fallback(turn_of(blank, failure=doubt)))
    (offered,) = failure.evidence["suggestions"]  # type: ignore[misc]
    answer = Trusted.model_validate(offered)
    assert (answer.total, answer.method, answer.confidence) == (Decimal("12.30"), "primary", 1.0)


@pytest.mark.parametrize("evidence", [{}, {"total": "much"}, {"total": 5, "confidence": "sure"}, {"_cut": ["total"]}])
def test_evidence_that_was_cut_or_changed_is_no_obstacle(clear: dict[str, Any], evidence: dict[str, object]) -> None:
    doubt = Failure("rubric_fail", "unsure", evidence, "extract")
    assert said(extract_fallback(turn_of(Receipt.model_validate(clear), failure=doubt))).total == Decimal("59.00")
