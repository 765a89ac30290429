"""The same project with mistakes in it: each line with the comment `planted:` is one, and no other line is.

Both type checkers must find every one of them, on its line.
"""

from collections.abc import AsyncIterator
from typing import Literal

from misstep import Choreography, Failure, Turn, Undo, agent, back_to, dead_letter, degrade, escalate, retry, to
from tests.typing.said_right import (
    Books,
    Extracted,
    Ledger,
    Matched,
    Orders,
    Posted,
    Receipt,
    Reversed,
    Trusted,
    extract,
    extract_fallback,
    match_order,
    post_entry,
    wiring,
    without_order,
)


@agent(budget="2s")
def undeclared(turn: Turn[Receipt]) -> Extracted | Failure[Literal["rubric_fail"]]:
    return turn.fail("compliance_fail", "nobody may")  # planted: a reason that the signature does not name


@agent(budget="2s")
def wrong_contract(turn: Turn[Receipt]) -> Extracted | Failure[Literal["rubric_fail"]]:
    return Matched(total=1, order=None)  # planted: a contract that the agent does not emit


@agent(budget="2s")
async def nothing_of_the_kind(turn: Turn[Receipt]) -> Extracted:
    assert turn.payload.total  # planted: a field that the accepted contract does not have
    return Extracted(total=1)


@agent(budget="2s")
async def looks_back(turn: Turn[Trusted]) -> Extracted:
    receipt: Receipt = await turn.earlier(Matched)  # planted: an earlier version of another contract
    early = await turn.earlier(str)  # planted: an earlier version of what is no contract
    return Extracted(total=len(receipt.lines) + len(early))


@agent(budget="2s")
async def steps(turn: Turn[Matched], ledger: Ledger) -> Posted:
    return await turn.step("book", ledger.book, turn.payload, key=1)  # planted: a step with a wrong argument


score = Choreography("wrong", starts=Receipt, deadline="60s")
score.on(extract, rubric_fail=to(match_order) | escalate)  # planted: a route to an agent of another contract
score.on(match_order, model_down=degrade(Posted(entry="")))  # planted: a default of another contract
score.on(post_entry, model_down=degrade(without_order))  # planted: a default made by another agent's function
score.on(extract, model_dwon=retry(3) | dead_letter)  # planted: a misspelt reason
score.on(match_order, own={"stock_out": degrade(Extracted(total=1))})  # planted: an own reason with a wrong default
score.on(match_order, own={"stock_out": to(extract)})  # planted: an own reason routed to another contract
score.on(match_order, model_down=retry(3) | to(post_entry))  # planted: a route to another contract after retries
score.on(extract, rubric_fail="escalate")  # planted: a route that is none
score.on("extract", rubric_fail=escalate)  # planted: an agent by its name
score.on(without_order, model_down=escalate)  # planted: a function that is no agent
Choreography("wrong", starts=int, deadline="60s")  # planted: a start that is no contract
Choreography("wrong", starts=Receipt, deadline="1s", otherwise={"x": to(extract)})  # planted: one `to` for all rows
Choreography("wrong", starts=Receipt)  # planted: a case without a deadline
retry("3")  # planted: a number of attempts that is none
degrade(3)  # planted: a default that is no contract
to(without_order)  # planted: a route to a function that is no agent
back_to(without_order)  # planted: a way back to a function that is no agent


@score.undo(post_entry)  # planted: an undo of another output
async def reverse_other(undo: Undo[Matched, Extracted], ledger: Ledger) -> Reversed:
    return Reversed(entry="")


@score.undo(extract_fallback)  # planted: an undo of another input
async def reverse_input(undo: Undo[Matched, Extracted]) -> None:
    return None


@score.undo(extract)  # planted: an undo that emits no contract
async def reverse_result(undo: Undo[Receipt, Extracted]) -> str:
    return ""


@agent  # planted: an agent without a budget
def unlimited(turn: Turn[Receipt]) -> Extracted:
    return Extracted(total=1)


@wiring.provides(dependency="orders", breaker=5)  # planted: a breaker that is a number
async def numbered() -> AsyncIterator[Ledger]:
    yield Books()


@wiring.provides(dependency="orders")  # planted: a provider that does not yield
async def returned() -> Ledger:
    return Books()


async def test_with_the_wrong_fake(orders: Orders) -> None:
    await post_entry(Turn(Matched(total=1, order=None)), orders)  # planted: a dependency of another type
    await post_entry(Turn(Receipt(lines=[])), Books())  # planted: a turn of another contract
    await post_entry(Turn(Matched(total=1, order=None)))  # planted: a dependency that is missing
    said: Posted = await post_entry(Turn(Matched(total=1, order=None)), Books())  # planted: a failure that is forgotten
    assert said
