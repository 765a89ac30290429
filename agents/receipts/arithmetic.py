"""Whether the figures of a receipt add up to its total."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from .reading import Figures

_ROUNDING_STEP = Decimal("0.05")
_SEN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class ArithmeticCheck:
    """The sums that agree with a total and those that contradict it, each named."""

    agrees: tuple[str, ...]
    disagrees: tuple[str, ...]

    @property
    def silent(self) -> bool:
        """Nothing on the receipt could be reckoned with."""
        return not self.agrees and not self.disagrees

    @property
    def holds(self) -> bool:
        """Something agrees and nothing contradicts."""
        return bool(self.agrees) and not self.disagrees


def check_arithmetic(figures: Figures, total: Decimal) -> ArithmeticCheck:
    """Reckons a total from the other figures in every way that they allow.

    "paid": cash less change is the total. "tax table": what was taxed and the tax make it. "built up": subtotal with
    tax, service, discount and rounding makes it. "parts": totals of parts make it together. "items": the lines make it or the subtotal. Cash rounding of up to
    four sen is allowed where the total may stand before it. Items never contradict: rows are missed too often.
    """
    agrees: list[str] = []
    disagrees: list[str] = []
    for name, verdict in (
        ("paid", _paid(figures, total)),
        ("tax table", _tax_table(figures, total)),
        ("built up", _built_up(figures, total)),
        ("parts", _parts(figures, total)),
        ("items", _items(figures, total)),
    ):
        if verdict is True:
            agrees.append(name)
        elif verdict is False:
            disagrees.append(name)
    return ArithmeticCheck(tuple(agrees), tuple(disagrees))


def _paid(figures: Figures, total: Decimal) -> bool | None:
    if figures.cash is None or figures.cash == 0:
        return None
    if figures.change is not None:
        return _near(figures.cash - figures.change, total)
    if _near(figures.cash, total):
        return True
    # More cash than total and no change printed says nothing; less cash than the total is wrong.
    return False if figures.cash < total - _ROUNDING_STEP else None


def _tax_table(figures: Figures, total: Decimal) -> bool | None:
    if figures.taxed is None or figures.tax is None or figures.taxed == 0:
        return None
    service = figures.service or Decimal(0)
    return any(_near(total, figures.taxed + added) for added in (figures.tax, figures.tax + service, Decimal(0)))


def _built_up(figures: Figures, total: Decimal) -> bool | None:
    if figures.subtotal is None:
        return None
    parts = [part for part in (figures.tax, figures.service, _minus(figures.discount)) if part]
    for chosen in _subsets(parts):
        if _near(total, figures.subtotal + sum(chosen, Decimal(0))):
            return True
    return False if figures.subtotal > 0 else None


def _parts(figures: Figures, total: Decimal) -> bool | None:
    if len(figures.parts) < 2:
        return None
    sums = (chosen for chosen in _subsets(list(figures.parts)) if len(chosen) > 1)
    return True if any(_near(total, sum(chosen, Decimal(0))) for chosen in sums) else None


def _items(figures: Figures, total: Decimal) -> bool | None:
    if not figures.items:
        return None
    listed = sum(figures.items, Decimal(0))
    parts = [part for part in (figures.tax, figures.service, _minus(figures.discount)) if part]
    return True if any(_near(total, listed + sum(chosen, Decimal(0))) for chosen in _subsets(parts)) else None


def _subsets(parts: list[Decimal]) -> Iterator[tuple[Decimal, ...]]:
    for size in range(len(parts) + 1):
        yield from combinations(parts, size)


def _near(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) < _ROUNDING_STEP


def _minus(value: Decimal | None) -> Decimal | None:
    return None if value is None else -value
