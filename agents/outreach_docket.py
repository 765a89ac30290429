"""From the register's events to a docket: who did what when, and what is owed. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rooms.contracts.outreach import Docket, Fine, FineEvent, Installment

CREATED, SENT, SERVED, PENALTY, PAID, COLLECTED = (
    "Create Fine",
    "Send Fine",
    "Insert Fine Notification",
    "Add penalty",
    "Payment",
    "Send for Credit Collection",
)
APPEALS: Final = (
    "Insert Date Appeal to Prefecture",
    "Send Appeal to Prefecture",
    "Receive Result Appeal from Prefecture",
    "Notify Result Appeal to Offender",
    "Appeal to Judge",
)
KNOWN: Final = frozenset({CREATED, SENT, SERVED, PENALTY, PAID, COLLECTED, *APPEALS})
"""The eleven activities of the register. Another one is not guessed at: it may be the one that forbids a letter."""
NOT_DISMISSED: Final = frozenset({"", "NIL"})


COMES_UP_AFTER: Final = dt.timedelta(days=90)
"""When an office looks at a file again on which nothing has happened since."""


class Unreadable(ValueError):
    """Events that make no docket: one sentence, and what they are."""


def read_docket(fine: Fine, today: dt.date) -> Docket:
    """What a fine's events come to on the day on which it is looked at (`as_of`). Raises Unreadable.

    Days are the register's own, as its timestamps write them: they are not turned into UTC, which would be the day
    before.
    """
    events = sorted(fine.events, key=lambda event: event.at)
    as_of = fine.as_of or min(events[-1].at.date() + COMES_UP_AFTER, today)
    unknown = sorted({event.activity for event in events} - KNOWN)
    if unknown:
        raise Unreadable(f"the register has activities that nobody knows here: {', '.join(unknown)}")
    created = [event for event in events if event.activity == CREATED]
    if len(created) != 1:
        raise Unreadable(f"the register creates the fine {len(created)} times, and it should once")
    seen = [event for event in events if event.at.date() <= as_of or event is created[0]]
    sums = [event.amount for event in seen if event.activity in (CREATED, PENALTY)]
    if None in sums:
        raise Unreadable("the register does not say the amount of the fine, or of its penalty")
    payments = [event for event in seen if event.activity == PAID]
    if any(event.payment is None for event in payments):
        raise Unreadable("the register has a payment without its sum")
    return Docket(
        fine_id=fine.fine_id,
        as_of=as_of,
        article=created[0].article or "",
        created_on=created[0].at.date(),
        sent_on=_first(seen, SENT),
        served_on=_first(seen, SERVED),
        penalty_on=_first(seen, PENALTY),
        appealed_on=_first(seen, *APPEALS),
        collected_on=_first(seen, COLLECTED),
        dismissal=next((event.dismissal for event in seen if (event.dismissal or "") not in NOT_DISMISSED), None),
        fined=sums[0] or Decimal(),
        amount=sums[-1] or Decimal(),
        costs=sum((event.expense or Decimal() for event in seen if event.activity == SENT), Decimal()),
        payments=tuple(Installment(on=event.at.date(), amount=event.payment or Decimal()) for event in payments),
        paid=_paid(payments),
    )


def _first(events: Sequence[FineEvent], *activities: str) -> dt.date | None:
    return next((event.at.date() for event in events if event.activity in activities), None)


def _paid(payments: Sequence[FineEvent]) -> Decimal:
    """The register's running total; where it does not keep one, the sum of the payments."""
    totals = [event.paid_in_all for event in payments if event.paid_in_all is not None]
    return max(totals) if totals else sum((event.payment or Decimal() for event in payments), Decimal())
