"""The saga in Temporal: activities under retry policies, compensations in a list, as its saga samples write them."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from load import failing, first_time
    from order import Order, Paid, Priced, Refused, Reserved, Shipped, Told, Unreachable
    from pydantic import ValidationError

POLICY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    maximum_attempts=3,
    non_retryable_error_types=["Refused", "ValidationError"],
)


@activity.defn
async def reserve(order: Order) -> Reserved:
    return Reserved(**order.model_dump(), reservation=f"r-{order.number}")


@activity.defn
async def unreserve(reserved: Reserved) -> None:
    return None


@activity.defn
async def price(reserved: Reserved) -> Priced:
    if reserved.kind == "transient" and first_time(reserved.number):
        raise Unreachable
    return Priced(**reserved.model_dump(), price=reserved.amount * 2)


@activity.defn
async def unprice(priced: Priced) -> None:
    return None


@activity.defn
async def pay(priced: Priced) -> Paid:
    return Paid(**priced.model_dump(), payment=f"p-{priced.number}")


@activity.defn
async def refund(paid: Paid) -> None:
    return None


@activity.defn
async def ship(paid: Paid) -> Shipped:
    if paid.kind == "refused":
        failing(paid.number)
        raise Refused
    return Shipped(**paid.model_dump(), parcel=f"s-{paid.number}")


@activity.defn
async def tell(shipped: Shipped) -> Told:
    return Told(**shipped.model_dump(), letter=f"l-{shipped.number}")


@workflow.defn
class Fulfil:
    @workflow.run
    async def run(self, given: dict[str, Any], local: bool) -> str:
        execute = workflow.execute_local_activity if local else workflow.execute_activity
        how: Any = {"start_to_close_timeout": timedelta(seconds=10), "retry_policy": POLICY}
        try:
            order = Order.model_validate(given)
        except ValidationError:
            return "dead_lettered"
        undos: list[tuple[Any, Any]] = []
        try:
            reserved = await execute(reserve, order, **how)
            undos.append((unreserve, reserved))
            priced = await execute(price, reserved, **how)
            undos.append((unprice, priced))
            paid = await execute(pay, priced, **how)
            undos.append((refund, paid))
            await execute(tell, await execute(ship, paid, **how), **how)
        except (ActivityError, ApplicationError) as error:  # a local activity's error comes as it is
            why = error.cause if isinstance(error, ActivityError) else error
            if not isinstance(why, ApplicationError) or why.type != "Refused":
                raise
            for undo, done in reversed(undos):
                await execute(undo, done, **how)
            return "compensated"
        return "completed"
