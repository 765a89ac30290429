"""What the bank knew of an application before it was decided: its file, read from the entries."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from rooms.contracts.credit import Application, Entry, File

DECIDED = frozenset(
    ("A_APPROVED", "A_REGISTERED", "A_ACTIVATED", "A_DECLINED", "A_CANCELLED", "O_ACCEPTED", "O_DECLINED")
)
"""With the first of these the application is decided: it and what comes after it was not known before."""
HINTS = frozenset(("O_CANCELLED",))
"""An offer is cancelled with the application, at the same moment, or because another one replaces it: not read."""
SUBMITTED = "A_SUBMITTED"
LEEWAY_S = 60.0
"""Clocks of the bank's systems differ by this much at most; the register itself is a millisecond off in every fourth
application."""
LEAST, MOST = Decimal(500), Decimal(75_000)
"""Euros. What is lent as consumer credit: above it the law of 2011 knew no consumer, below it no bank bothers."""


class Unopenable(Exception):
    """The entries contradict themselves."""


def as_it_stood(application: Application) -> tuple[Entry, ...]:
    """The entries in order of time, up to the moment at which somebody decided."""
    known: list[Entry] = []
    for entry in sorted(application.activities, key=lambda entry: entry[0]):
        if entry[1] in DECIDED:
            break
        if entry[1] not in HINTS:
            known.append(entry)
    return tuple(known)


def open_file(application: Application) -> File:
    """The file of an application. Raises Unopenable."""
    entries = as_it_stood(application)
    happened = Counter(entry[1] for entry in entries)
    begun = Counter(entry[1] for entry in entries if entry[2] == "START")
    if happened[SUBMITTED] != 1:
        raise Unopenable(f"it was submitted {happened[SUBMITTED]} times before it was decided; once is what can be")
    first, last = entries[0][0], entries[-1][0]
    if abs((first - application.registered_at).total_seconds()) > LEEWAY_S:
        raise Unopenable(f"it was registered at {application.registered_at}, and its first entry is of {first}")
    fraud = [entry[2] for entry in entries if entry[1] == "W_Beoordelen fraude"]
    return File(
        application_id=application.application_id,
        amount=application.amount_requested,
        entries=len(entries),
        days=round((last - first).total_seconds() / 86_400, 3),
        people=len({entry[3] for entry in entries if entry[3]}),
        preaccepted=happened["A_PREACCEPTED"] > 0,
        accepted=happened["A_ACCEPTED"] > 0,
        offers=happened["O_SENT"],
        sent_back=happened["O_SENT_BACK"] > 0,
        validations=begun["W_Valideren aanvraag"],
        lead_calls=begun["W_Afhandelen leads"],
        offer_calls=begun["W_Nabellen offertes"],
        paper_calls=begun["W_Nabellen incomplete dossiers"],
        fraud_checks=len(fraud),
        fraud_check_open=bool(fraud) and fraud[-1] != "COMPLETE",
    )
