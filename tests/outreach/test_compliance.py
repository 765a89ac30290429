"""The rules that forbid a letter, each on a docket where it alone applies."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from rooms.agents.outreach import compliance_check
from rooms.agents.outreach_compliance import RULES, breaches, may_be_written_on
from rooms.contracts.outreach import Cleared, Consistent, Installment

from misstep import Failure
from misstep.testing import turn

SERVED = dt.date(2010, 3, 1)
OPEN = Consistent(
    fine_id="F1",
    as_of=dt.date(2010, 9, 1),
    article="157",
    created_on=dt.date(2010, 1, 10),
    sent_on=dt.date(2010, 2, 20),
    served_on=SERVED,
    penalty_on=dt.date(2010, 4, 30),
    fined=Decimal(40),
    amount=Decimal(80),
    costs=Decimal(10),
    paid=Decimal(0),
)


def but(**changed: Any) -> Consistent:
    if "payments" in changed:
        changed.setdefault("paid", sum(payment.amount for payment in changed["payments"]))
    return Consistent.model_validate({**OPEN.model_dump(), **changed})


def paid(amount: str, on: str) -> Installment:
    return Installment(on=dt.date.fromisoformat(on), amount=Decimal(amount))


FORBIDDEN = [
    ("dismissed", but(dismissal="#")),
    ("paid", but(payments=[paid("90", "2010-06-01")])),
    ("paid", but(payments=[paid("100", "2010-06-01")])),
    ("paid", but(payments=[paid("30", "2010-03-20"), paid("20", "2010-04-30")])),
    ("appealed", but(appealed_on="2010-04-01")),
    ("collected_elsewhere", but(collected_on="2010-08-01")),
    ("time_barred", but(as_of="2015-06-01")),
    ("too_recent", but(penalty_on=None, as_of="2010-04-29")),
    ("too_recent", but(penalty_on=None, served_on=None, as_of="2010-04-20")),
    ("too_recent", but(penalty_on=None, served_on=None, sent_on=None)),
]


@pytest.mark.parametrize(("rule", "docket"), FORBIDDEN)
def test_a_rule_that_applies_forbids_the_letter_and_is_the_evidence(rule: str, docket: Consistent) -> None:
    assert [breach.rule.name for breach in breaches(docket)] == [rule]
    said = compliance_check(turn(docket))
    assert isinstance(said, Failure)
    assert said.reason == "compliance_fail"
    assert (said.evidence["rule"], said.detail.split(":")[0]) == (rule, rule)
    assert "CdS" in str(said.evidence["law"])


def test_every_rule_is_tried_above() -> None:
    assert {rule for rule, _ in FORBIDDEN} == {rule.name for rule in RULES}


MAY = [
    OPEN,
    but(payments=[paid("50", "2010-05-01")]),  # all that was asked, a day too late
    but(payments=[paid("89.99", "2010-06-01")]),
    but(penalty_on=None, as_of="2010-04-30"),
    but(dismissal=None, as_of="2015-04-01"),
]


@pytest.mark.parametrize("docket", MAY)
def test_where_no_rule_applies_the_brief_has_the_figures_and_the_days(docket: Consistent) -> None:
    said = compliance_check(turn(docket))
    assert isinstance(said, Cleared)
    assert said.brief.owed == docket.amount + docket.costs - docket.paid
    assert said.brief.dated == docket.as_of
    assert (said.brief.pay_by - said.brief.dated).days == 30
    assert "157" in said.brief.basis


def test_a_rule_that_time_mends_comes_with_the_day_on_which_it_does() -> None:
    said = compliance_check(turn(but(penalty_on=None, as_of="2010-04-01")))
    assert isinstance(said, Failure)
    (again,) = said.evidence["suggestions"]  # type: ignore[misc]
    answered = Consistent.model_validate(again)
    assert answered.as_of == may_be_written_on(OPEN) == SERVED + dt.timedelta(days=60)
    assert isinstance(compliance_check(turn(answered)), Cleared)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"paid": "10"}, "the register's total is 10"),
        ({"as_of": "2009-12-31"}, "before the fine was made"),
        ({"served_on": "2009-12-31"}, "it was served on 2009-12-31"),
    ],
)
def test_a_register_that_contradicts_itself_is_not_judged(changed: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        but(**changed)
