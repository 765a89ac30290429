"""The order's score: what fails where, and what is taken back."""

from rooms.agents.order import pay, price, reserve, ship, tell
from rooms.contracts.order import Order, Paid, Priced, Reserved

from misstep import Choreography, Undo, compensate, dead_letter, retry

order = Choreography("order", starts=Order, deadline="1h", handoffs=0)
order.on(reserve, waive="nothing of its own can fail")
order.on(price, model_down=retry(3, first="100ms") | dead_letter)
order.on(pay, waive="nothing of its own can fail")
order.on(ship, compliance_fail=compensate)
order.on(tell, waive="nothing of its own can fail")


@order.undo(reserve)
async def unreserve(undo: Undo[Order, Reserved]) -> None:
    return None


@order.undo(price)
async def unprice(undo: Undo[Reserved, Priced]) -> None:
    return None


@order.undo(pay)
async def refund(undo: Undo[Priced, Paid]) -> None:
    return None
