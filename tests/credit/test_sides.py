"""The three sides of an application, each looked at by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rooms.agents.credit import affordability, risk, score, score_standby, unknown_risk
from rooms.agents.credit_affordability import instalment
from rooms.agents.credit_scoring import PointsModel

from tests.credit.turns import opened, refused, run, said


def test_points_are_what_they_are_made_of() -> None:
    rated = said(run(score(opened(validations=2, paper_calls=3), PointsModel())))
    assert rated.made_of == {
        "preaccepted": 40,
        "accepted": 40,
        "offered": 20,
        "signed": 90,
        "papers_checked": 30,
        "papers_asked_for": 9,
    }
    assert rated.points == 480 + sum(rated.made_of.values())


def test_points_stay_within_their_bounds() -> None:
    least = opened(
        preaccepted=False, accepted=False, offers=0, sent_back=False, validations=0, lead_calls=1, amount=900
    )
    assert 300 <= said(run(score(least, PointsModel()))).points < 480


def test_a_file_that_holds_nothing_yet_is_not_for_the_model() -> None:
    assert refused(run(score(opened(entries=2), PointsModel()))).reason == "rubric_fail"


def test_the_stand_in_goes_by_how_far_the_application_came() -> None:
    far, near = opened(paper_calls=8, validations=4), opened(accepted=False, offers=0, sent_back=False)
    assert said(score_standby(far)).points == 660
    assert said(score_standby(near)).points == 510
    assert said(score_standby(far)).scored_by == "score_standby"


def test_a_large_sum_is_not_decided_by_a_rule_of_thumb() -> None:
    assert refused(score_standby(opened(amount="50000.01"))).reason == "rubric_fail"
    assert said(score_standby(opened(amount="50000")))


@pytest.mark.parametrize(
    ("facts", "limit"),
    [
        ({}, "10000"),
        ({"validations": 0}, "7500"),
        ({"sent_back": False, "amount": "9999"}, "7450"),
        ({"accepted": False, "sent_back": False}, "5000"),
        ({"preaccepted": False, "accepted": False, "sent_back": False}, "0"),
    ],
)
def test_what_can_be_carried_is_what_was_shown(facts: dict[str, object], limit: str) -> None:
    assert said(affordability(opened(**facts))).limit == Decimal(limit)


def test_an_instalment_pays_the_sum_and_its_interest_back() -> None:
    months, rate = 72, Decimal(15)
    month = instalment(Decimal(10_000), rate, months)
    left = Decimal(10_000)
    for _ in range(months):
        left = left * (1 + rate / 1200) - month
    assert abs(left) < 1
    assert instalment(Decimal(1_200), Decimal(0), 12) == 100


def test_papers_that_never_come_prove_nothing() -> None:
    failure = refused(affordability(opened(paper_calls=15)))
    assert (failure.reason, failure.evidence) == ("rubric_fail", {"calls": 15})


def test_nobody_decides_while_fraud_is_looked_into() -> None:
    assert refused(risk(opened(fraud_checks=2, fraud_check_open=True))).reason == "compliance_fail"
    assert said(risk(opened(fraud_checks=3))).flags == ("was checked for fraud",)


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({}, "low"),
        ({"days": 40.001}, "raised"),
        ({"days": 41, "people": 12}, "raised"),
        ({"days": 41, "people": 12, "offers": 4}, "high"),
    ],
)
def test_risk_grows_with_what_is_unusual(facts: dict[str, object], level: str) -> None:
    assert said(risk(opened(**facts))).risk == level


def test_what_goes_on_in_place_of_risk_says_that_nobody_looked() -> None:
    assert unknown_risk(opened()).risk == "unknown"
