"""A stricter reading of purchase orders, for the drill `success-rate`: what does not fit to the letter is a failure."""

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
    """As `match_order`; but where an order is near and none covers the receipt, it does not go on by itself."""
    found = await match_order(turn, orders)
    if isinstance(found, Matched) and found.order_number is None and found.suggestions:
        nearest = found.suggestions[0]
        return turn.fail(
            "rubric_fail",
            f"no order fits to the letter; {nearest.order_number} of {nearest.supplier} is near, but {nearest.why_not}",
            suggestions=[suggestion.order_number for suggestion in found.suggestions],
        )
    return found
