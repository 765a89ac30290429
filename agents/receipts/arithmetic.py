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
    tax, service and discount makes it. "parts": totals of parts make it together. "items": the lines make it, with
    tax, service and discount or without. Each may hold before or after the cash rounding that the receipt states.
    Items and parts never contradict: rows are missed too often.
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
        paid = figures.cash - figures.change
        if _same(paid, total, figures, give=Decimal(0)):
            return True
        return None if abs(paid - total) < _ROUNDING_STEP else False
    if _same(figures.cash, total, figures, give=Decimal(0)):
        return True
    # More cash than total and no change printed says nothing; less cash than the total is wrong.
    return False if figures.cash < total - _ROUNDING_STEP else None


def _tax_table(figures: Figures, total: Decimal) -> bool | None:
    if figures.taxed is None or figures.tax is None or figures.taxed == 0:
        return None
    parts = [part for part in (figures.tax, figures.service) if part]
    # Taxes are rounded row by row, so the table may be off by two sen.
    return any(_same(figures.taxed + sum(chosen), total, figures, give=2 * _SEN) for chosen in _subsets(parts))


def _built_up(figures: Figures, total: Decimal) -> bool | None:
    if figures.subtotal is None or figures.subtotal <= 0:
        return None
    return any(_same(figures.subtotal + sum(chosen), total, figures) for chosen in _subsets(_added(figures)))


def _parts(figures: Figures, total: Decimal) -> bool | None:
    sums = (sum(chosen, Decimal(0)) for chosen in _subsets(list(figures.parts)) if len(chosen) > 1)
    return True if any(_same(together, total, figures) for together in sums) else None


def _items(figures: Figures, total: Decimal) -> bool | None:
    if not figures.items:
        return None
    listed = sum(figures.items, Decimal(0))
    sums = (listed + sum(chosen) for chosen in _subsets(_added(figures)))
    return True if any(_same(reckoned, total, figures) for reckoned in sums) else None


def _same(reckoned: Decimal, total: Decimal, figures: Figures, give: Decimal = _SEN) -> bool:
    """Whether a reckoned sum is the total, before or after the cash rounding that the receipt states or implies."""
    off = total - reckoned
    if abs(off) <= give:
        return True
    if figures.rounding is not None:
        return abs(abs(off) - abs(figures.rounding)) <= give
    # A total that coins can pay, reckoned to a sum that they cannot: rounded without saying so.
    return total % _ROUNDING_STEP == 0 and reckoned % _ROUNDING_STEP != 0 and abs(off) < _ROUNDING_STEP / 2


def _added(figures: Figures) -> list[Decimal]:
    """What comes on top of a subtotal or is taken off it, where the receipt states it."""
    added = [part for part in (figures.tax, figures.service) if part]
    return [*added, -figures.discount] if figures.discount else added


def _subsets(parts: list[Decimal]) -> Iterator[tuple[Decimal, ...]]:
    for size in range(len(parts) + 1):
        yield from combinations(parts, size)
