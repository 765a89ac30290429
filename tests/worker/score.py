"""The choreography that the worker's tests run: it does on command whatever an agent can do."""

import asyncio
import time
from typing import Literal

from pydantic import Field

from misstep import Choreography, Contract, Failure, Turn, agent, dead_letter, degrade, escalate, retry, to


class Order(Contract, name="t.order", version="1.0"):
    """What a case asks for: `script` says how each agent's attempts go."""

    number: int = Field(ge=0)
    script: dict[str, list[str]] = Field(default_factory=dict)
    padding: str = ""


class Read(Contract, name="t.read", version="1.0"):
    """After `read`."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)
    by: str = "read"
    padding: str = ""


class Priced(Contract, name="t.priced", version="1.0"):
    """After `price`."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)
    by: str = "price"


class Done(Contract, name="t.done", version="1.0"):
    """After `finish`."""

    number: int


def act(turn: Turn[Order] | Turn[Read] | Turn[Priced]) -> str:
    """What the script says of this attempt; `ok` when it says nothing."""
    steps = turn.payload.script.get(turn.agent, [])
    return steps[min(turn.attempt, len(steps)) - 1] if steps else "ok"


@agent(budget="1s", owner="tests")
def read(turn: Turn[Order]) -> Read | Failure[Literal["rubric_fail"]]:
    """A plain agent."""
    match act(turn):
        case "rubric_fail":
            return turn.fail("rubric_fail", "the script says so", number=turn.payload.number)
        case "undeclared":
            return turn.fail("compliance_fail", "nobody knows this one")  # type: ignore[return-value]
        case "bug":
            raise KeyError("missing")
        case "exit":
            raise SystemExit(3)
        case "none":
            return None  # type: ignore[return-value]
        case "big":
            return Read(number=turn.payload.number, padding="x" * 1_500_000)
        case "bad_output":
            return Read(number="many")  # type: ignore[arg-type]
        case "late":
            time.sleep(1.2)
    turn.note("read it", tokens=3, number=turn.payload.number)
    return Read(number=turn.payload.number, script=turn.payload.script, padding=turn.payload.padding)


@agent(budget="1s", owner="tests")
def reread(turn: Turn[Order]) -> Read | Failure[Literal["rubric_fail"]]:
    """The fallback of `read`."""
    if act(turn) == "rubric_fail":
        return turn.fail("rubric_fail", "neither could")
    assert turn.failure is not None
    return Read(number=turn.payload.number, script=turn.payload.script, by="reread")


@agent(budget="400ms", owner="tests")
async def price(turn: Turn[Read]) -> Priced | Failure[Literal["model_down"]]:
    """An async agent."""
    match act(turn):
        case "slow":
            await asyncio.sleep(2)
        case "nap":
            await asyncio.sleep(0.1)
        case "model_down":
            return turn.fail("model_down", "no answer")
        case "earlier":
            order = await turn.earlier(Order)
            return Priced(number=order.number, by="earlier")
    return Priced(number=turn.payload.number, script=turn.payload.script)


@agent(budget="2s", owner="tests", blocking=True)
def finish(turn: Turn[Priced]) -> Done | Failure[Literal["rubric_fail"]]:
    """A blocking agent."""
    match act(turn):
        case "nap":
            time.sleep(0.05)
        case "rubric_fail":
            return turn.fail("rubric_fail", "not good enough")
    return Done(number=turn.payload.number)


def without_price(turn: Turn[Read]) -> Priced:
    """The neutral default of `price`."""
    return Priced(number=turn.payload.number, script=turn.payload.script, by="default")


score = Choreography("work", starts=Order, deadline="5m", handoffs=2)
score.on(read, rubric_fail=to(reread), latency_blow=retry(2, first="50ms") | to(reread), agent_fault=dead_letter)
score.on(reread, standby=True, rubric_fail=escalate, latency_blow=escalate, waive="the last reader")
score.on(
    price,
    latency_blow=retry(2, first="50ms") | dead_letter,
    model_down=retry(3, first="50ms", cap="200ms") | degrade(without_price),
)
score.on(finish, rubric_fail=escalate)

single = Choreography("single", starts=Order, deadline="5m", handoffs=0)


@agent(budget="1s", owner="tests")
def pass_on(turn: Turn[Order]) -> Done:
    """One hop, nothing else."""
    return Done(number=turn.payload.number)


single.on(pass_on, schema_invalid=dead_letter, waive="nothing of its own can fail")
