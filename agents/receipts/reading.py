"""What was read off a receipt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias

Evidence: TypeAlias = Mapping[str, str | int | float | bool | list[str] | None]
"""Short values that JSON can carry, for the ledger and for whoever looks at an escalation."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums beside the total; None where the receipt does not state one or it cannot be read."""

    subtotal: Decimal | None = None
    tax: Decimal | None = None
    discount: Decimal | None = None
    """As a positive sum taken off."""
    service: Decimal | None = None
    rounding: Decimal | None = None
    """Signed as printed: -0.02 makes the total smaller."""
    cash: Decimal | None = None
    """What was handed over or charged to a card."""
    change: Decimal | None = None
    taxed: Decimal | None = None
    """What the tax was reckoned on, by the table of taxes at the foot."""
    parts: tuple[Decimal, ...] = ()
    """Totals of a part only ("TOTAL 0% SUPPLIES"), each once."""
    items: tuple[Decimal, ...] = ()
    """Amounts of the lines above the first total, in order; discounts on a line are negative."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One receipt as one method read it."""

    company: str | None
    date: dt.date | None
    address: str | None
    total: Decimal | None
    currency: str
    confidence: float
    """How likely the total is right, 0 to 1, by what this method alone can see; 0 without a total."""
    figures: Figures = field(default_factory=Figures)
    evidence: Evidence = field(default_factory=lambda: MappingProxyType({}))
