"""What may be written, worked out from a fine's events alone, without a line of the agents' code."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

TERM = dt.timedelta(days=60)


def day(event: dict[str, Any]) -> dt.date:
    return dt.date.fromisoformat(event["time:timestamp"][:10])


def owed(fine: dict[str, Any]) -> Decimal:
    """The last amount that was asked, and every expense, less every payment."""
    amount, expenses, came = Decimal(), Decimal(), Decimal()
    for event in fine["events"]:
        if "amount" in event:
            amount = Decimal(event["amount"])
        expenses += Decimal(event.get("expense", "0"))
        came += Decimal(event.get("paymentAmount", "0"))
    return amount + expenses - came


def paid_in_time(fine: dict[str, Any]) -> bool:
    """Did all that was asked at first come within 60 days of its being served?"""
    served = [day(event) for event in fine["events"] if event["concept:name"] == "Insert Fine Notification"]
    if not served:
        return False
    first = fine["events"][0]
    asked = Decimal(first["amount"]) + sum(Decimal(event.get("expense", "0")) for event in fine["events"])
    came = sum(
        Decimal(event["paymentAmount"])
        for event in fine["events"]
        if "paymentAmount" in event and day(event) <= served[0] + TERM
    )
    return came >= asked


def forbidden(fine: dict[str, Any]) -> str:
    """Why nothing may be written, when it is looked at long after its last event; empty: it may."""
    done = " ".join(event["concept:name"] for event in fine["events"])
    if any(event.get("dismissal", "NIL") != "NIL" for event in fine["events"]):
        return "dismissed"
    if owed(fine) <= 0 or paid_in_time(fine):
        return "paid"
    if "Appeal" in done:
        return "appealed"
    return "collected_elsewhere" if "Credit Collection" in done else ""
