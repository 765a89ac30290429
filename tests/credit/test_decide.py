"""The decision: offered, declined, or for a person."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.credit import decide
from rooms.agents.credit_decision import rate_of
from rooms.contracts.credit import Affordable, Declined, Granted, Risked, Scored

from tests.credit.turns import refused, said, turn_of


def sides(
    points: int = 700, limit: int = 8000, risk: Any = "low", flags: tuple[str, ...] = (), other: str = "1"
) -> Any:
    return turn_of(
        (
            Scored(application_id="1", points=points, made_of={}, scored_by="score"),
            Affordable(application_id="1", limit=limit, term_months=72, stressed=100),
            Risked(application_id=other, risk=risk, flags=flags),
        )
    )


def test_a_good_application_is_granted_what_it_can_carry() -> None:
    offered = said(decide(sides()))
    assert isinstance(offered, Granted)
    assert (offered.amount, offered.term_months, offered.rate) == (8000, 72, Decimal("7.90"))


def test_risk_and_fewer_points_cost_more_but_never_more_than_the_law_allows() -> None:
    rates = [said(decide(sides(points, risk=risk))).rate for points in (800, 700, 640) for risk in ("low", "raised")]
    assert rates == [Decimal(rate) for rate in ("6.90", "8.40", "7.90", "9.40", "9.10", "10.60")]
    assert rate_of(300, "unknown") == 15


@pytest.mark.parametrize(
    ("said_of_it", "why"),
    [
        ({"points": 599}, "599 points, and 600 are the least"),
        ({"limit": 450}, "no more than 450 euros are shown to be affordable"),
        ({"risk": "high", "flags": ("a", "b", "c")}, "too much speaks against it: it a, b, c"),
    ],
)
def test_what_speaks_against_it_declines_it_and_is_said(said_of_it: dict[str, Any], why: str) -> None:
    declined = said(decide(sides(**said_of_it)))
    assert isinstance(declined, Declined)
    assert declined.why == (why,)


@pytest.mark.parametrize("said_of_it", [{"points": 600}, {"points": 639}, {"points": 679, "risk": "unknown"}])
def test_what_is_neither_is_for_a_person_who_is_told_the_figures(said_of_it: dict[str, Any]) -> None:
    failure = refused(decide(sides(**said_of_it)))
    assert failure.reason == "rubric_fail"
    assert failure.evidence["points"] == said_of_it["points"]
    grant, decline = failure.evidence["suggestions"]  # answers that a person can give as they are
    assert Granted.model_validate(grant).amount == 8000
    assert Declined.model_validate(decline).why == (failure.detail,)


def test_enough_points_do_without_knowing_the_risk() -> None:
    assert isinstance(said(decide(sides(680, risk="unknown"))), Granted)


def test_sides_of_different_applications_are_never_put_together() -> None:
    failure = refused(decide(sides(other="2")))
    assert (failure.reason, failure.evidence) == ("invariant_broken", {"sides": ["1", "2"]})
