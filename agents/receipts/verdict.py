"""Whether a total that was read can be trusted to be posted without a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .arithmetic import ArithmeticCheck, check_arithmetic
from .dates import is_plausible
from .reading import Reading

POST_FROM = 0.975
"""Trust from which a total is posted. A wrong posting costs more than an escalation.

It stood at 0.93, then at 0.95, both after the figures of all 400 receipts of the sample had been seen, so the sample's
halves are no test of it. It was set anew on copies damaged at random (digits and letters misread, boxes lost or
shifted, decimal points lost, ends torn off): wherever the bar stands between 0.90 and 0.99, about 99 % of what is
posted is right, but of torn receipts 96.9 % with 0.95, 98.2 % with 0.975 and 98.5 % with 0.99. From 0.975 on, what is
posted shrinks faster than what is wrong. `bench/receipts_damaged.py` draws the curve.
"""

_ODDS = {
    "arithmetic agrees in several ways": 0.35,
    "arithmetic agrees": 0.6,
    "arithmetic is silent": 1.6,
    "arithmetic agrees and disagrees": 1.5,
    "arithmetic disagrees": 6.0,
    "the other method agrees": 0.4,
    "the other method found nothing": 1.2,
    "the other method disagrees": 3.0,
    "no date could be read": 1.3,
    "the date is implausible": 8.0,
    "another currency": 2.0,
}
"""By how much each finding multiplies the odds of the total being wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """To post or not, how much the total is trusted, and what that rests on."""

    post: bool
    trust: float
    failure: Literal["rubric_fail", "invariant_broken"] | None
    """Why not: figures that contradict each other, or too little to be sure."""
    why: tuple[str, ...]


def judge(reading: Reading, second: Reading | None = None, today: dt.date | None = None) -> Verdict:
    """Weighs one reading, with the other method's beside it where there is one, and decides.

    The reading's own confidence is taken as odds and multiplied by what the arithmetic, the other method and the date
    say. Never posted is a receipt without a total, one whose figures only contradict it, and one of which the other
    method read another total: two readings, of which one is wrong, are for a person to tell apart.
    """
    if reading.total is None or reading.total <= 0:
        return Verdict(False, 0.0, "rubric_fail", ("no total could be read",))
    check = check_arithmetic(reading.figures, reading.total)
    findings = [_of_arithmetic(check), *_of_second(reading.total, second), *_of_date(reading, today)]
    if reading.currency != "MYR":
        findings.append("another currency")
    trust = _trust(reading.confidence, findings)
    contradicted = bool(check.disagrees) and not check.agrees
    implausible = "the date is implausible" in findings
    disputed = "the other method disagrees" in findings
    post = trust >= POST_FROM and not (contradicted or disputed or implausible)
    failure: Literal["rubric_fail", "invariant_broken"] | None = None
    if not post:
        failure = "invariant_broken" if check.disagrees or implausible else "rubric_fail"
    details = tuple(f"agrees: {name}" for name in check.agrees) + tuple(
        f"disagrees: {name}" for name in check.disagrees
    )
    return Verdict(post, trust, failure, (*findings, *details))


def _of_arithmetic(check: ArithmeticCheck) -> str:
    if check.silent:
        return "arithmetic is silent"
    if not check.agrees:
        return "arithmetic disagrees"
    if check.disagrees:
        return "arithmetic agrees and disagrees"
    return "arithmetic agrees in several ways" if len(check.agrees) > 1 else "arithmetic agrees"


def _of_second(total: Decimal, second: Reading | None) -> list[str]:
    if second is None:
        return []
    if second.total is None:
        return ["the other method found nothing"]
    return ["the other method agrees" if second.total == total else "the other method disagrees"]


def _of_date(reading: Reading, today: dt.date | None) -> list[str]:
    if reading.date is None:
        return ["no date could be read"]
    return [] if is_plausible(reading.date, today) else ["the date is implausible"]


def _trust(confidence: float, findings: list[str]) -> float:
    confidence = min(max(confidence, 0.01), 0.99)
    odds = (1 - confidence) / confidence
    for finding in findings:
        odds *= _ODDS[finding]
    return round(1 / (1 + odds), 4)
