"""May a letter be written about this fine? Rules on what the register says, each with the law behind it. Pure.

The law is Italy's, where the register is kept: D.Lgs. 285/1992 (the road code, CdS) and L. 689/1981, in outline. It
shows what rules are like; it is no legal advice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rooms.contracts.outreach import Brief, Consistent, Docket

PAYMENT_TERM: Final = dt.timedelta(days=60)
"""What the person has to pay or to appeal before anything is added: CdS art. 202 and 203."""
LIMITATION_YEARS: Final = 5
"""After which the sum can no longer be asked for: CdS art. 209, L. 689/1981 art. 28."""
PAY_WITHIN: Final = dt.timedelta(days=30)
"""What a letter gives."""

OFFENCES: Final = {
    "7": "driving or stopping where traffic in town is restricted",
    "41": "passing a traffic light",
    "80": "driving without a valid roadworthiness test",
    "142": "exceeding the speed limit",
    "146": "disregarding road signs",
    "157": "parking against the rules",
    "158": "stopping or parking where it is forbidden",
    "180": "driving without the documents",
    "181": "not showing the vehicle's papers",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that forbids a letter."""

    name: str
    law: str
    forbids: Callable[[Docket], str]
    """Why, in one sentence; empty when it does not."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that forbids the letter, and why."""

    rule: Rule
    why: str


def breaches(docket: Docket) -> list[Breach]:
    """Every rule that forbids a letter, the weightiest first; none: it may be written."""
    return [Breach(rule, why) for rule in RULES if (why := rule.forbids(docket))]


def brief_of(docket: Consistent) -> Brief:
    """What the letter may say."""
    offence = OFFENCES.get(docket.article, "an offence against the road code")
    article = f"art. {docket.article} CdS" if docket.article else "the CdS"
    return Brief(
        fine_id=docket.fine_id,
        offence=offence,
        basis=f"{article} and art. {'203' if docket.penalty_on else '202'} CdS (D.Lgs. 285/1992)",
        fined_on=docket.created_on,
        penalty_on=docket.penalty_on,
        amount=docket.amount,
        costs=docket.costs,
        paid=docket.paid,
        owed=docket.owed,
        dated=docket.as_of,
        pay_by=docket.as_of + PAY_WITHIN,
    )


def may_be_written_on(docket: Docket) -> dt.date:
    """The first day on which the term to pay is over."""
    return (docket.served_on or docket.sent_on or docket.created_on) + PAYMENT_TERM


def _dismissed(docket: Docket) -> str:
    return f"the register marks it as dismissed (code {docket.dismissal})" if docket.dismissal else ""


def _paid(docket: Docket) -> str:
    if docket.owed <= 0:
        return f"EUR {docket.paid:.2f} of EUR {docket.amount + docket.costs:.2f} came in, so nothing is owed"
    if docket.penalty_on is None or docket.served_on is None:
        return ""
    over = docket.served_on + PAYMENT_TERM
    in_time = sum((payment.amount for payment in docket.payments if payment.on <= over), Decimal())
    if in_time < docket.fined + docket.costs:
        return ""
    return f"EUR {in_time:.2f} came in by {over}, when the term was over: all that was asked, so no penalty is due"


def _collected(docket: Docket) -> str:
    return f"credit collection has it since {docket.collected_on}" if docket.collected_on else ""


def _appealed(docket: Docket) -> str:
    return f"it was appealed against on {docket.appealed_on}" if docket.appealed_on else ""


def _time_barred(docket: Docket) -> str:
    last = max(
        day for day in (docket.created_on, docket.served_on, docket.penalty_on, *_paid_on(docket)) if day is not None
    )
    ends = last + dt.timedelta(days=round(LIMITATION_YEARS * 365.25))
    return f"the last act that keeps it alive was on {last}, so it lapsed on {ends}" if docket.as_of > ends else ""


def _too_recent(docket: Docket) -> str:
    if docket.penalty_on is not None:
        return ""  # it is added when the term is over
    if docket.sent_on is None and docket.served_on is None:
        return f"it was made on {docket.created_on} and not sent yet"
    over = may_be_written_on(docket)
    if docket.as_of >= over:
        return ""
    since = f"served on {docket.served_on}" if docket.served_on else f"sent on {docket.sent_on}"
    return f"it was {since}, so there is time to pay or to appeal until {over}, and this is {docket.as_of}"


def _paid_on(docket: Docket) -> list[dt.date]:
    return [payment.on for payment in docket.payments]


RULES: Final = (
    Rule("dismissed", "CdS art. 204", _dismissed),
    Rule("paid", "CdS art. 202", _paid),
    Rule("appealed", "CdS art. 203, 204-bis", _appealed),
    Rule("collected_elsewhere", "CdS art. 206", _collected),
    Rule("time_barred", "CdS art. 209, L. 689/1981 art. 28", _time_barred),
    Rule("too_recent", "CdS art. 202, 203", _too_recent),
)
