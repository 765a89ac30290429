"""The five steps of an order."""

from typing import Literal

from rooms.contracts.order import Order, Paid, Priced, Reserved, Shipped, Told

from misstep import Failure, Turn, agent


@agent(budget="2s", owner="stock", effect="puts goods aside")
def reserve(turn: Turn[Order]) -> Reserved:
    return Reserved(**turn.payload.model_dump(), reservation=f"r-{turn.payload.number}")


@agent(budget="2s", owner="sales", effect="offers a price")
def price(turn: Turn[Reserved]) -> Priced | Failure[Literal["model_down"]]:
    if turn.payload.kind == "transient" and turn.attempt == 1:
        return turn.fail("model_down", "the price list does not answer")
    return Priced(**turn.payload.model_dump(), price=turn.payload.amount * 2)


@agent(budget="2s", owner="sales", effect="takes money")
def pay(turn: Turn[Priced]) -> Paid:
    return Paid(**turn.payload.model_dump(), payment=f"p-{turn.payload.number}")


@agent(budget="2s", owner="stock")
def ship(turn: Turn[Paid]) -> Shipped | Failure[Literal["compliance_fail"]]:
    if turn.payload.kind == "refused":
        return turn.fail("compliance_fail", "the carrier does not take the parcel")
    return Shipped(**turn.payload.model_dump(), parcel=f"s-{turn.payload.number}")


@agent(budget="2s", owner="sales")
def tell(turn: Turn[Shipped]) -> Told:
    return Told(**turn.payload.model_dump(), letter=f"l-{turn.payload.number}")
