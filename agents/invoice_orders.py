"""The register of purchase orders, and which order a receipt falls under."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from rooms.contracts.invoice import OrderSuggestion

SUGGESTED_FROM = 0.35
"""How alike two names must be for the one's order to be worth showing; below, they share a common word at most."""
MOST_SUGGESTIONS = 5

_WORD = re.compile(r"[A-Z0-9]+")
_FORM = frozenset({"SDN", "BHD", "BND", "BERHAD", "S", "B", "PLT", "LLP", "PTE", "LTD", "INC", "M", "CO", "COMPANY"})
"""Words that say what kind of company it is, not which."""


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """A standing order: purchases from one supplier, each up to a limit, within a period."""

    order_number: str
    supplier: str
    currency: str
    limit: Decimal
    """The most that one purchase may come to."""
    valid_from: dt.date
    valid_until: dt.date


@dataclass(frozen=True, slots=True)
class OrderMatch:
    """The order that covers a purchase, or the likeliest ones, ranked."""

    order: PurchaseOrder | None
    suggestions: tuple[OrderSuggestion, ...]


class Orders(Protocol):
    """The register; another team's service."""

    async def orders_like(self, company: str) -> Sequence[PurchaseOrder]:
        """Orders whose supplier shares a telling word with the name, in any order. ConnectionError when it is down."""
        ...


def words_of_name(company: str) -> tuple[str, ...]:
    """The words by which a supplier is known, in capitals, without its legal form."""
    words = tuple(word for word in _WORD.findall(company.upper()) if word not in _FORM)
    return words or tuple(_WORD.findall(company.upper()))


def likeness(one: str, other: str) -> float:
    """How alike two names are, 0 to 1: shared runs of three letters (Dice), so that one misread letter costs little."""
    ours, theirs = _trigrams(one), _trigrams(other)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours and theirs else 0.0


def match(
    orders: Sequence[PurchaseOrder], company: str | None, total: Decimal, currency: str, on: dt.date | None
) -> OrderMatch:
    """The order of this very supplier that covers the purchase (of several, the tightest); else suggestions.

    A name that is only similar is never taken: it is suggested, with why.
    """
    same_name = words_of_name(company or "")
    if company is None or not same_name:
        return OrderMatch(None, ())
    covering: list[PurchaseOrder] = []
    passed_over: list[OrderSuggestion] = []
    for order in orders:
        same = words_of_name(order.supplier) == same_name
        alike = 1.0 if same else round(min(likeness(company, order.supplier), 0.99), 3)
        why_not = _why_not(order, same, total, currency, on)
        if not why_not:
            covering.append(order)
        elif alike >= SUGGESTED_FROM:
            passed_over.append(
                OrderSuggestion(
                    order_number=order.order_number, supplier=order.supplier, alike=alike, why_not=", ".join(why_not)
                )
            )
    if covering:
        return OrderMatch(min(covering, key=lambda order: (order.limit, order.order_number)), ())
    passed_over.sort(key=lambda suggestion: (-suggestion.alike, suggestion.order_number))
    return OrderMatch(None, tuple(passed_over[:MOST_SUGGESTIONS]))


def _why_not(order: PurchaseOrder, same: bool, total: Decimal, currency: str, on: dt.date | None) -> list[str]:
    reasons = []
    if not same:
        reasons.append("another name")
    if order.currency != currency:
        reasons.append(f"in {order.currency}")
    if total > order.limit:
        reasons.append(f"up to {order.limit} only")
    if on is None:
        reasons.append("day of purchase unknown")
    elif not order.valid_from <= on <= order.valid_until:
        reasons.append(f"valid {order.valid_from} to {order.valid_until}")
    return reasons


def _trigrams(name: str) -> set[str]:
    words = words_of_name(name)
    text = f"  {' '.join(words)} "
    return {text[at : at + 3] for at in range(len(text) - 2)} if words else set()
