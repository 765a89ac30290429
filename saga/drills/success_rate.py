"""The score of the drill `success-rate`: as `saga/invoice.py`, with two hand-overs more.

A name that is not exactly an order's is a failure of `match_exactly`, whose fallback is `match_order`. And a total that
`validate` does not trust is read again by the other reader, alone, before a person is asked.

It is no workflow of this project: the loader reads `saga/*.py` alone, and the drill asks for this one.
"""

from rooms.agents.invoice import extract, extract_fallback, match_order, notify, post_entry, validate, without_order
from rooms.agents.invoice_bad_day import BadDay
from rooms.agents.invoice_exact import match_exactly
from rooms.contracts.invoice import Receipt

from misstep import Choreography, back_to, dead_letter, degrade, escalate, retry, to
from misstep.testing.faults import faulty


def score(name: str, day: BadDay) -> Choreography:
    """All five patterns, on such a day: retry, fallback, degrade, the manual queue, and dead letters that are kept."""
    office = Choreography(name, starts=Receipt, deadline="60s", handoffs=3)
    office.on(
        faulty(extract, day.reading),
        rubric_fail=to(extract_fallback),
        latency_blow=retry(3, first="200ms") | to(extract_fallback),
    )
    office.on(
        extract_fallback,
        standby=True,
        waive="the last reader: what it cannot read, a person has to",
        rubric_fail=escalate,
        latency_blow=escalate,
    )
    office.on(
        validate,
        waive="a wrong posting is worse than an escalation, so whatever it does not trust twice goes to a person",
        rubric_fail=back_to(extract_fallback, times=1) | escalate,
        invariant_broken=escalate,
        latency_blow=retry(2, first="200ms") | escalate,
    )
    office.on(
        faulty(match_exactly, day.matching),
        rubric_fail=to(match_order),
        model_down=degrade(without_order),
        latency_blow=degrade(without_order),
    )
    office.on(
        match_order,
        standby=True,
        model_down=degrade(without_order),
        latency_blow=degrade(without_order),
    )
    office.on(
        post_entry,
        model_down=retry(2, first="200ms") | dead_letter,
        latency_blow=retry(2, first="200ms") | dead_letter,
        invariant_broken=escalate,
    )
    office.on(
        notify,
        model_down=retry(3, first="200ms") | dead_letter,
        latency_blow=retry(3, first="200ms") | dead_letter,
    )
    return office
