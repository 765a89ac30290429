"""The saga in DBOS: a workflow of steps, undone in `except`, as its "Reliable workflows" tutorial writes sagas."""

from typing import Any

from dbos import DBOS
from load import failing, first_time
from order import Order, Paid, Priced, Refused, Reserved, Shipped, Told, Unreachable
from pydantic import ValidationError


@DBOS.step()
def reserve(order: Order) -> Reserved:
    return Reserved(**order.model_dump(), reservation=f"r-{order.number}")


@DBOS.step()
def unreserve(reserved: Reserved) -> None:
    return None


@DBOS.step(retries_allowed=True, max_attempts=3, interval_seconds=0.1)
def price(reserved: Reserved) -> Priced:
    if reserved.kind == "transient" and first_time(reserved.number):
        raise Unreachable
    return Priced(**reserved.model_dump(), price=reserved.amount * 2)


@DBOS.step()
def unprice(priced: Priced) -> None:
    return None


@DBOS.step()
def pay(priced: Priced) -> Paid:
    return Paid(**priced.model_dump(), payment=f"p-{priced.number}")


@DBOS.step()
def refund(paid: Paid) -> None:
    return None


@DBOS.step()
def ship(paid: Paid) -> Shipped:
    if paid.kind == "refused":
        failing(paid.number)
        raise Refused
    return Shipped(**paid.model_dump(), parcel=f"s-{paid.number}")


@DBOS.step()
def tell(shipped: Shipped) -> Told:
    return Told(**shipped.model_dump(), letter=f"l-{shipped.number}")


@DBOS.workflow()
def fulfil(given: dict[str, Any]) -> str:
    try:
        order = Order.model_validate(given)
    except ValidationError:
        return "dead_lettered"
    reserved = reserve(order)
    priced = price(reserved)
    paid = pay(priced)
    try:
        tell(ship(paid))
    except Refused:
        refund(paid)
        unprice(priced)
        unreserve(reserved)
        return "compensated"
    return "completed"
