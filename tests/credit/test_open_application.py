"""An application is opened: its file is what was known before anybody decided it."""

from __future__ import annotations

from typing import Any

import pytest
from rooms.agents.credit import open_application
from rooms.agents.credit_file import DECIDED, HINTS, as_it_stood
from rooms.contracts.credit import Application

from tests.credit.turns import application, refused, said, turn_of


def test_the_file_counts_what_happened_before_the_decision(granted: dict[str, Any]) -> None:
    file = said(open_application(turn_of(application(granted)))).file
    assert (file.amount, file.entries, file.offers, file.offer_calls) == (27500, 19, 1, 1)
    assert (file.preaccepted, file.accepted, file.sent_back, file.validations) == (True, True, True, 1)
    assert (file.people, file.fraud_checks, file.days) == (4, 0, 8.688)


def test_nothing_that_records_a_decision_is_in_any_file(loans: list[dict[str, Any]]) -> None:
    for loan in loans:
        known = as_it_stood(application(loan))
        assert not {entry[1] for entry in known} & (DECIDED | HINTS)
        decided = [at for at, what, *_ in application(loan).activities if what in DECIDED]
        assert all(entry[0] <= min(decided) for entry in known if decided)


def test_how_it_ended_is_not_read(granted: dict[str, Any]) -> None:
    assert application(granted) == application(granted, outcome="declined")
    before = [entry for entry in granted["activities"] if entry[1] not in DECIDED][:19]
    for ending in ("A_DECLINED", "A_CANCELLED", "A_APPROVED"):
        activities = [*before, [granted["activities"][-1][0], ending, "COMPLETE", "1"]]
        other = application(granted, activities=activities, outcome="cancelled")
        assert said(open_application(turn_of(other))) == said(open_application(turn_of(application(granted))))


def test_entries_may_come_in_any_order(granted: dict[str, Any]) -> None:
    shuffled = application(granted, activities=granted["activities"][::-1])
    assert {entry[1] for entry in as_it_stood(shuffled)} == {entry[1] for entry in as_it_stood(application(granted))}


@pytest.mark.parametrize("amount", [98, 499.99, 75000.01, 99000])
def test_a_sum_that_may_not_be_lent_is_refused(granted: dict[str, Any], amount: float) -> None:
    failure = refused(open_application(turn_of(application(granted, amount_requested=amount))))
    assert failure.reason == "compliance_fail"
    assert failure.detail == f"EUR {amount} is asked for; consumer credit is from 500 to 75000"


@pytest.mark.parametrize("amount", [500, 75000])
def test_the_bounds_themselves_may_be_lent(granted: dict[str, Any], amount: int) -> None:
    assert said(open_application(turn_of(application(granted, amount_requested=amount)))).file.amount == amount


def test_a_file_that_contradicts_itself_is_not_opened(granted: dict[str, Any]) -> None:
    twice = application(granted, activities=[granted["activities"][0], *granted["activities"]])
    assert "was submitted 2 times" in refused(open_application(turn_of(twice))).detail
    never = application(granted, activities=granted["activities"][1:])
    assert "was submitted 0 times" in refused(open_application(turn_of(never))).detail
    later = application(granted, registered_at="2012-03-27T19:14:12+01:00")
    failure = refused(open_application(turn_of(later)))
    assert (failure.reason, failure.detail[:17]) == ("invariant_broken", "it was registered")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"activities": []},
        {"activities": [["2012-02-27T19:14:12+01:00", "A_SUBMITTED", "COMPLETE"]]},
        {"activities": [["2012-02-27T19:14:12", "A_SUBMITTED", "COMPLETE", "1"]]},
        {"amount_requested": -1},
        {"amount_requested": "a lot"},
        {"application_id": ""},
        {"registered_at": "yesterday"},
    ],
)
def test_what_is_no_application_does_not_fit_the_contract(granted: dict[str, Any], spoiled: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Application.model_validate({**granted, **spoiled})
