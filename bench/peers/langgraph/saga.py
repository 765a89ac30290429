"""The saga in LangGraph: a node a step, conditional edges for what goes wrong, undo nodes in reverse order."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy
from load import failing, first_time
from order import Order, Paid, Priced, Reserved, Shipped, Told, Unreachable
from pydantic import ValidationError


class State(TypedDict, total=False):
    given: dict[str, Any]
    reached: dict[str, Any]
    outcome: str


async def reserve(state: State) -> State:
    try:
        order = Order.model_validate(state["given"])
    except ValidationError:
        return {"outcome": "dead_lettered"}
    return {"reached": Reserved(**order.model_dump(), reservation=f"r-{order.number}").model_dump()}


async def unreserve(state: State) -> State:
    return {"outcome": "compensated"}


async def price(state: State) -> State:
    reserved = Reserved.model_validate(state["reached"])
    if reserved.kind == "transient" and first_time(reserved.number):
        raise Unreachable
    return {"reached": Priced(**reserved.model_dump(), price=reserved.amount * 2).model_dump()}


async def unprice(state: State) -> State:
    return {}


async def pay(state: State) -> State:
    priced = Priced.model_validate(state["reached"])
    return {"reached": Paid(**priced.model_dump(), payment=f"p-{priced.number}").model_dump()}


async def refund(state: State) -> State:
    return {}


async def ship(state: State) -> State:
    paid = Paid.model_validate(state["reached"])
    if paid.kind == "refused":
        failing(paid.number)
        return {"outcome": "refused"}
    return {"reached": Shipped(**paid.model_dump(), parcel=f"s-{paid.number}").model_dump()}


async def tell(state: State) -> State:
    shipped = Shipped.model_validate(state["reached"])
    told = Told(**shipped.model_dump(), letter=f"l-{shipped.number}")
    return {"reached": told.model_dump(), "outcome": "completed"}


graph = StateGraph(State)
for step in (reserve, unreserve, unprice, pay, refund, ship, tell):
    graph.add_node(step.__name__, step)
graph.add_node("price", price, retry_policy=RetryPolicy(initial_interval=0.1, max_attempts=3, retry_on=Unreachable))
graph.add_edge(START, "reserve")
graph.add_conditional_edges("reserve", lambda state: END if state.get("outcome") else "price", ["price", END])
graph.add_edge("price", "pay")
graph.add_edge("pay", "ship")
graph.add_conditional_edges("ship", lambda state: "refund" if state.get("outcome") else "tell", ["refund", "tell"])
graph.add_edge("tell", END)
graph.add_edge("refund", "unprice")
graph.add_edge("unprice", "unreserve")
graph.add_edge("unreserve", END)
