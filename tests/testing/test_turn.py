"""An agent is a function: `turn` is all that a unit test needs around it."""

import asyncio
from typing import Literal, Protocol

import pytest

from misstep import Contract, Failure, Turn, agent
from misstep.testing import turn


class Claim(Contract, name="testing.claim", version="1.0"):
    amount: int


class Checked(Contract, name="testing.checked", version="1.0"):
    by: str


class Paid(Contract, name="testing.paid", version="1.0"):
    amount: int
    why: str


class Bank(Protocol):
    async def pay(self, amount: int, *, key: str) -> None: ...


class Till:
    def __init__(self) -> None:
        self.paid: dict[str, int] = {}

    async def pay(self, amount: int, *, key: str) -> None:
        if amount > 1_000:
            raise ConnectionRefusedError("the line is cut")
        self.paid[key] = amount


@agent(budget="1s")
def check(turn: Turn[Claim]) -> Checked | Failure[Literal["compliance_fail"]]:
    if turn.payload.amount > 500 and turn.attempt == 1:
        return turn.fail("compliance_fail", "too much", limit=500)
    turn.note("within the limit")
    return Checked(by=turn.failure.agent if turn.failure else ",".join(turn.degraded) or "nobody")


@agent(budget="1s")
async def pay(turn: Turn[Checked], bank: Bank) -> Paid | Failure[Literal["model_down"]]:
    claim = await turn.earlier(Claim)
    async with turn.calling("bank"):
        await bank.pay(claim.amount, key=turn.idempotency_key)
    return Paid(amount=claim.amount, why=turn.payload.by)


def test_an_agent_is_called_as_the_function_that_it_is() -> None:
    given = turn(Claim(amount=20))
    assert check(given) == Checked(by="nobody")
    assert given.noted is not None
    assert given.noted.justification == "within the limit"


def test_a_retry_a_failure_before_and_a_degraded_input_are_options() -> None:
    refused = check(turn(Claim(amount=900)))
    assert isinstance(refused, Failure)
    assert (refused.reason, refused.evidence) == ("compliance_fail", {"limit": 500})
    assert check(turn(Claim(amount=900), attempt=2)) == Checked(by="nobody")
    assert check(turn(Claim(amount=20), failure=Failure("rubric_fail", "unsure", {}, "first"))) == Checked(by="first")
    assert check(turn(Claim(amount=20), degraded=["model_down"])) == Checked(by="model_down")


def test_earlier_versions_are_given_the_newest_last() -> None:
    till = Till()
    given = turn(Checked(by="me"), earlier=[Claim(amount=1), Claim(amount=20)], workflow="claims", agent="pay")
    assert asyncio.run(pay(given, till)) == Paid(amount=20, why="me")
    assert till.paid == {"claims/case-1/0/1/pay": 20}


def test_a_version_that_the_case_does_not_have_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match=r"testing\.claim"):
        asyncio.run(pay(turn(Checked(by="me")), Till()))


@pytest.mark.parametrize(("amount", "unreachable"), [(20, {"bank"}), (2_000, set())])
def test_a_dependency_that_is_down_is_a_failure_as_in_a_worker(amount: int, unreachable: set[str]) -> None:
    till = Till()
    with pytest.raises(Failure) as failure:
        asyncio.run(pay(turn(Checked(by="me"), earlier=[Claim(amount=amount)], unreachable=unreachable), till))
    assert failure.value.reason == "model_down"
    assert failure.value.evidence["exception"] == "ConnectionRefusedError"
    assert not till.paid
