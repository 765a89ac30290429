"""A stricter reading of purchase orders, for the drill `success-rate`: a name that is only similar is a failure."""

from __future__ import annotations

from typing import Literal

from rooms.agents.invoice import match_order
from rooms.agents.invoice_orders import Orders
from rooms.contracts.invoice import Matched, Validated

from misstep import Failure, Turn, agent


@agent(budget="500ms", owner="purchasing")
async def match_exactly(
    turn: Turn[Validated], orders: Orders
) -> Matched | Failure[Literal["model_down", "rubric_fail"]]:
    """As `match_order`; but where only orders of a similar name are found, it does not go on by itself."""
    found = await match_order(turn, orders)
    if not isinstance(found, Matched) or found.order_number is not None or not found.suggestions:
        return found
    nearest = found.suggestions[0]
    if nearest.alike < 1:
        return turn.fail(
            "rubric_fail",
            f"no supplier is called {turn.payload.company!r}; {nearest.supplier} is {nearest.alike:.0%} alike",
            suggestions=[suggestion.order_number for suggestion in found.suggestions],
        )
    return found
