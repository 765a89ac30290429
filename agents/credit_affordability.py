"""What an applicant can carry, by what was shown of it so far."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from rooms.contracts.credit import File

HIGHEST_RATE = Decimal(15)
"""Percent a year: the most that was allowed in the Netherlands (2011/12: the statutory interest of 3 or 4 % + 12)."""
STEP = Decimal(50)
PAPERS_MAX = 15
"""Calls for missing papers after which nobody believes that they come."""
_TERMS = ((5_000, 48), (15_000, 72), (35_000, 96))
LONGEST_MONTHS = 120


def shown(file: File) -> Decimal:
    """The share of the sum for which income was shown: none before the bank has looked, all once papers are checked."""
    if file.validations and file.sent_back:
        return Decimal("1.00")
    if file.accepted:
        return Decimal("0.75")
    return Decimal("0.50") if file.preaccepted else Decimal(0)


def limit_of(file: File) -> Decimal:
    """The largest sum, in steps of 50 euros; never more than was asked for."""
    steps = (file.amount * shown(file) / STEP).to_integral_value(ROUND_DOWN)
    return steps * STEP if shown(file) < 1 else file.amount


def term_months(amount: Decimal) -> int:
    """Longer for larger sums."""
    return next((months for most, months in _TERMS if amount <= most), LONGEST_MONTHS)


def instalment(amount: Decimal, rate: Decimal, months: int) -> Decimal:
    """What an annuity costs a month. rate: percent a year."""
    monthly = rate / 1_200
    factor = monthly / (1 - (1 + monthly) ** -months) if monthly else Decimal(1) / months
    return (amount * factor).quantize(Decimal("0.01"), ROUND_HALF_UP)
