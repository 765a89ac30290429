"""Agents that say their reasons in every way that a person may write it. `test_source_reading` tells what they say."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, wraps
from typing import Any, Literal, ParamSpec, TypeVar

from misstep import Failure, Turn, agent
from misstep import Failure as Fault
from tests.saga import other_ways
from tests.saga.loans import Application, Decided, Scored
from tests.saga.other_ways import checked

P = ParamSpec("P")
T = TypeVar("T")

UNSURE = "rubric_fail"
ANY = Failure[str]


class Why(StrEnum):
    UNSURE = "rubric_fail"
    LATE = "latency_blow"


@dataclass
class Verdict:
    failure: Literal["rubric_fail", "invariant_broken"] | None = None

    @property
    def other(self) -> Literal["compliance_fail"]:
        return "compliance_fail"


def judged(amount: int) -> Verdict:
    return Verdict("rubric_fail" if amount else None)


@agent(budget="1s")
def directly(turn: Turn[Application]) -> Scored | ANY:
    return turn.fail("rubric_fail", "so it is")


@agent(budget="1s")
def by_another_name(turn: Turn[Application]) -> Scored | ANY:
    t = turn
    (u, _) = t, 1
    if (v := u) is not None:
        return v.fail("rubric_fail", "so it is")
    return t.fail("compliance_fail", "so it is")


@agent(budget="1s")
def by_the_method(turn: Turn[Application]) -> Scored | ANY:
    fail = turn.fail
    return fail("rubric_fail", "so it is")


@agent(budget="1s")
def raised(turn: Turn[Application]) -> Scored:
    raise turn.fail("rubric_fail", "so it is")


@agent(budget="1s")
def by_hand(turn: Turn[Application]) -> Scored | ANY:
    if turn.payload.amount:
        return Fault("rubric_fail", "so it is")
    raise Failure(reason="compliance_fail", detail="so it is")


def helped(turn: Turn[Any], /, why: str) -> ANY:
    return helped_again(t=turn, why=why)


def helped_again(*, why: str, t: Turn[Any]) -> ANY:
    return t.fail(why, "so it is")


@agent(budget="1s")
def by_helpers(turn: Turn[Application]) -> Scored | ANY:
    return helped(turn, "rubric_fail") if turn.payload.amount else helped(turn, why="compliance_fail")


def by_default(turn: Turn[Any], why: str = "rubric_fail") -> ANY:
    return turn.fail(why, "so it is")


@agent(budget="1s")
def by_a_default(turn: Turn[Application]) -> Scored | ANY:
    return by_default(turn)


@agent(budget="1s")
def by_a_helper_elsewhere(turn: Turn[Application]) -> Scored | ANY:
    return checked(turn) or other_ways.doubted(turn)


def unasked() -> ANY:
    return Failure("rubric_fail", "so it is")


@agent(budget="1s")
def by_a_helper_without_the_turn(turn: Turn[Application]) -> Scored | ANY:
    return unasked()


@agent(budget="1s")
def by_a_function_inside(turn: Turn[Application]) -> Scored | ANY:
    def inside(asked: Turn[Application]) -> ANY:
        return asked.fail("rubric_fail", "so it is")

    def closed() -> ANY:
        return turn.fail("compliance_fail", "so it is")

    return inside(turn) if turn.payload.amount else closed()


@agent(budget="1s")
async def in_a_thread(turn: Turn[Application]) -> Scored | ANY:
    if turn.payload.amount:
        return await asyncio.to_thread(helped, turn, "rubric_fail")
    return partial(helped, turn, why="compliance_fail")()


@agent(budget="1s")
async def in_steps(turn: Turn[Application]) -> Scored | ANY:
    return await turn.step("look", looked, turn)


async def looked(turn: Turn[Any]) -> ANY:
    return turn.fail("rubric_fail", "so it is")


@agent(budget="1s")
def by_constants(turn: Turn[Application]) -> Scored | ANY:
    if turn.payload.amount > 5:
        return turn.fail(UNSURE, "so it is")
    return turn.fail(other_ways.FORBIDDEN, "so it is")


@agent(budget="1s")
def by_an_enum(turn: Turn[Application]) -> Scored | ANY:
    return turn.fail(Why.UNSURE, "so it is")


@agent(budget="1s")
def by_choice(turn: Turn[Application]) -> Scored | ANY:
    why = None
    if turn.payload.amount > 5:
        why = "rubric_fail"
    elif turn.payload.amount > 3:
        why = "compliance_fail" if turn.payload.amount > 4 else "invariant_broken"
    if why is None:
        return Scored(amount=1, score=1)
    return turn.fail(why, "so it is")


@agent(budget="1s")
def by_type(turn: Turn[Application]) -> Scored | ANY:
    verdict = judged(turn.payload.amount)
    if verdict.failure is not None:
        return turn.fail(verdict.failure, "so it is")
    return turn.fail(verdict.other, "so it is")


@agent(budget="1s")
def unreadably(turn: Turn[Application]) -> Scored | ANY:
    return turn.fail(f"rubric_{'fail' if turn.payload.amount else 'pass'}", "so it is")


@agent(budget="1s")
def unreadably_by_type(turn: Turn[Application]) -> Scored | ANY:
    return turn.fail(other_ways.untold(), "so it is")


class Registry:
    def look_up(self, turn: Turn[Application]) -> ANY:
        return turn.fail("compliance_fail", "nobody can follow this")


@agent(budget="1s")
def given_away(turn: Turn[Application], registry: Registry) -> Scored | ANY:
    return registry.look_up(turn)


@agent(budget="1s")
async def calling(turn: Turn[Application], registry: Registry) -> Scored | ANY:
    async with turn.calling("bureau"):
        pass
    async with turn.calling(dependency="post"):  # type: ignore[call-arg]
        pass
    name = str(turn.payload.amount)
    async with turn.calling(name):
        return Scored(amount=1, score=1)


@agent(budget="1s")
async def looking_back(turn: Turn[Decided]) -> Scored | ANY:
    asked = await turn.earlier(Application)
    return await looked_back(turn, asked.amount)


async def looked_back(turn: Turn[Any], amount: int) -> Scored:
    return await turn.earlier(Scored)


def logged(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return await function(*args, **kwargs)

    return wrapper


@logged
async def decorated(turn: Turn[Any]) -> ANY:
    return turn.fail("rubric_fail", "so it is")


@agent(budget="1s")
async def by_a_decorated_helper(turn: Turn[Application]) -> Scored | ANY:
    return await decorated(turn)


def endlessly(turn: Turn[Any], why: str) -> ANY:
    return turn.fail(why, "so it is") if turn.attempt else endlessly(turn, why)


@agent(budget="1s")
def round_and_round(turn: Turn[Application]) -> Scored | ANY:
    return endlessly(turn, "rubric_fail")


@agent(budget="1s")
def of_others(turn: Turn[Application]) -> Scored | ANY:
    """Other things have a method called fail."""
    Exam().fail("not a reason")
    assert isinstance(turn, Turn), repr(turn)
    return turn.fail("rubric_fail", "so it is")


class Exam:
    def fail(self, text: str) -> None: ...
