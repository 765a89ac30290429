"""The decision: points, what can be carried, and what speaks against it, put together."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rooms.agents.credit_affordability import HIGHEST_RATE
from rooms.agents.credit_file import LEAST
from rooms.agents.credit_scoring import DOUBTFUL, GOOD
from rooms.contracts.credit import Affordable, Risked, Scored

UNSEEN_FROM = 680
"""Points from which a loan is offered although nobody could say what speaks against it."""
_BASE_RATE = Decimal("6.90")
_FOR_A_POINT = Decimal("0.02")
_FOR_RISK = {"low": Decimal(0), "raised": Decimal("1.50"), "unknown": Decimal("2.00")}


def against(scored: Scored, affordable: Affordable, risked: Risked) -> tuple[str, ...]:
    """Why the loan is declined; nothing: it is not."""
    return tuple(_against(scored, affordable, risked))


def _against(scored: Scored, affordable: Affordable, risked: Risked) -> Iterator[str]:
    if scored.points < DOUBTFUL:
        yield f"{scored.points} points, and {DOUBTFUL} are the least"
    if affordable.limit < LEAST:
        yield f"no more than {affordable.limit} euros are shown to be affordable"
    if risked.risk == "high":
        yield f"too much speaks against it: it {', '.join(risked.flags)}"


def doubt(scored: Scored, risked: Risked) -> str:
    """Why a person has to decide; empty: nobody has to."""
    if scored.points < GOOD:
        return f"{scored.points} points are neither good ({GOOD}) nor bad (below {DOUBTFUL})"
    if risked.risk == "unknown" and scored.points < UNSEEN_FROM:
        return f"nobody could say what speaks against it, and {scored.points} points are not enough to do without"
    return ""


def rate_of(points: int, risk: str) -> Decimal:
    """Percent a year: less for more points, more for risk, within the law."""
    return min(HIGHEST_RATE, _BASE_RATE + _FOR_A_POINT * max(0, 750 - points) + _FOR_RISK[risk])
