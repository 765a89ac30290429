"""What else speaks against an application, read off how it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rooms.contracts.credit import File

Risk = Literal["low", "raised", "high"]

LONG_DAYS = 40.0
MANY_HANDS = 12
MANY_OFFERS = 4


def flags_of(file: File) -> tuple[str, ...]:
    """What is unusual about it."""
    unusual = {
        "was checked for fraud": file.fraud_checks > 0,
        f"took more than {LONG_DAYS:.0f} days": file.days > LONG_DAYS,
        f"went through {MANY_HANDS} hands or more": file.people >= MANY_HANDS,
        f"needed {MANY_OFFERS} offers or more": file.offers >= MANY_OFFERS,
    }
    return tuple(flag for flag, is_so in unusual.items() if is_so)


def risk_of(flags: Sequence[str]) -> Risk:
    """None of it is low, one thing is raised, three are high."""
    return "low" if not flags else "high" if len(flags) >= 3 else "raised"
