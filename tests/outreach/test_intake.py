"""From the register's events to a docket."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.outreach import intake
from rooms.agents.outreach_docket import COMES_UP_AFTER, Unreadable, read_docket
from rooms.contracts.outreach import Docket, Fine

from misstep import Failure
from misstep.testing import turn
from tests.outreach.register import owed

TODAY = dt.date(2030, 1, 1)


def docket(fine: dict[str, Any], today: dt.date = TODAY) -> Docket:
    return read_docket(Fine.model_validate(fine), today)


def test_the_penalty_takes_the_place_of_the_amount_and_costs_come_on_top(partly_paid: dict[str, Any]) -> None:
    read = docket(partly_paid)
    assert (read.fined, read.amount, read.costs, read.paid) == tuple(map(Decimal, ("33.6", "68.77", "11.0", "44.6")))
    assert read.owed == Decimal("35.17")


def test_what_is_owed_is_right_of_every_fine(fines: list[dict[str, Any]]) -> None:
    for fine in fines:
        assert docket(fine).owed == owed(fine), fine["fine_id"]


def test_days_are_the_registers_own_and_not_those_of_utc(unpaid: dict[str, Any]) -> None:
    assert unpaid["events"][0]["time:timestamp"] == "2005-03-23T00:00:00.000+01:00"
    assert docket(unpaid).created_on == dt.date(2005, 3, 23)


def test_events_may_come_in_any_order(partly_paid: dict[str, Any]) -> None:
    backwards = {**partly_paid, "events": partly_paid["events"][::-1]}
    assert docket(backwards) == docket(partly_paid)


def test_a_file_comes_up_again_some_time_after_its_last_event_but_not_in_the_future(unpaid: dict[str, Any]) -> None:
    last = dt.date(2005, 7, 22)
    assert docket(unpaid).as_of == last + COMES_UP_AFTER
    assert docket(unpaid, last + dt.timedelta(days=10)).as_of == last + dt.timedelta(days=10)


def test_on_an_earlier_day_the_register_had_only_what_had_happened_by_then(partly_paid: dict[str, Any]) -> None:
    early = docket({**partly_paid, "as_of": "2005-02-01"})
    assert (early.penalty_on, early.paid, early.amount) == (None, Decimal("33.6"), Decimal("33.6"))


def test_numbers_may_come_as_numbers(unpaid: dict[str, Any]) -> None:
    fine = copy.deepcopy(unpaid)
    fine["events"][0].update(amount=35, article=157, points=0)
    assert docket(fine) == docket(unpaid)


@pytest.mark.parametrize("code", ["#", "G"])
def test_a_judge_who_dismisses_it_is_heard(unpaid: dict[str, Any], code: str) -> None:
    judged = {"concept:name": "Appeal to Judge", "time:timestamp": "2005-09-01T00:00:00+02:00", "dismissal": code}
    read = docket({**unpaid, "events": [*unpaid["events"], {**judged, "matricola": "0"}]})
    assert (read.appealed_on, read.dismissal) == (dt.date(2005, 9, 1), code)


def without_amount(fine: dict[str, Any]) -> None:
    del fine["events"][0]["amount"]


def twice_created(fine: dict[str, Any]) -> None:
    fine["events"].append(fine["events"][0])


def never_created(fine: dict[str, Any]) -> None:
    del fine["events"][0]


def unheard_of(fine: dict[str, Any]) -> None:
    fine["events"][1]["concept:name"] = "Cancel Everything"


def payment_of_nothing(fine: dict[str, Any]) -> None:
    fine["events"].append({"concept:name": "Payment", "time:timestamp": "2006-01-01T00:00:00+01:00"})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (without_amount, "does not say the amount"),
        (twice_created, "2 times"),
        (never_created, "0 times"),
        (unheard_of, "Cancel Everything"),
        (payment_of_nothing, "without its sum"),
    ],
)
def test_what_the_register_cannot_mean_is_not_guessed_at(unpaid: dict[str, Any], spoil: Any, why: str) -> None:
    fine = copy.deepcopy(unpaid)
    spoil(fine)
    with pytest.raises(Unreadable, match=why):
        docket(fine)
    said = intake(turn(Fine.model_validate(fine)))
    assert isinstance(said, Failure)
    assert said.reason == "schema_invalid"


def test_the_turn_says_what_it_read(unpaid: dict[str, Any]) -> None:
    given = turn(Fine.model_validate(unpaid))
    assert isinstance(intake(given), Docket)
    assert given.noted is not None
    assert "EUR 46.0 is owed" in given.noted.justification
