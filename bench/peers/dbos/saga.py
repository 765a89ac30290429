"""The saga in DBOS: a workflow of steps, undone in `except`, as its "Reliable workflows" tutorial writes sagas."""

from typing import Any

from dbos import DBOS
from load import failing, first_time
from order import Order, Paid, Priced, Refused, Reserved, Shipped, Told, Unreachable
from pydantic import ValidationError


@DBOS.step()
async def reserve(order: Order) -> Reserved:
    return Reserved(**order.model_dump(), reservation=f"r-{order.number}")


@DBOS.step()
async def unreserve(reserved: Reserved) -> None:
    return None


@DBOS.step(retries_allowed=True, max_attempts=3, interval_seconds=0.1)
async def price(reserved: Reserved) -> Priced:
    if reserved.kind == "transient" and first_time(reserved.number):
        raise Unreachable
    return Priced(**reserved.model_dump(), price=reserved.amount * 2)


@DBOS.step()
async def unprice(priced: Priced) -> None:
    return None


@DBOS.step()
async def pay(priced: Priced) -> Paid:
    return Paid(**priced.model_dump(), payment=f"p-{priced.number}")


@DBOS.step()
async def refund(paid: Paid) -> None:
    return None


@DBOS.step()
async def ship(paid: Paid) -> Shipped:
    if paid.kind == "refused":
        failing(paid.number)
        raise Refused
    return Shipped(**paid.model_dump(), parcel=f"s-{paid.number}")


@DBOS.step()
async def tell(shipped: Shipped) -> Told:
    return Told(**shipped.model_dump(), letter=f"l-{shipped.number}")


@DBOS.workflow()
async def fulfil(given: dict[str, Any]) -> str:
    try:
        order = Order.model_validate(given)
    except ValidationError:
        return "dead_lettered"
    reserved = await reserve(order)
    priced = await price(reserved)
    paid = await pay(priced)
    try:
        await tell(await ship(paid))
    except Refused:
        await refund(paid)
        await unprice(priced)
        await unreserve(reserved)
        return "compensated"
    return "completed"
