"""A sound score: nothing in it is to be found by a check. The tests plant their mistakes beside it."""

from typing import Literal, Protocol

from misstep import Choreography, Contract, Escalated, Failure, Turn, agent, dead_letter, degrade, escalate, retry, to


class Application(Contract, name="loans.application", version="1.0"):
    """What a customer asks for."""

    amount: int


class Scored(Contract, name="loans.scored", version="1.0"):
    """How likely it is paid back."""

    amount: int
    score: int


class Decided(Contract, name="loans.decided", version="1.0"):
    """Granted or not."""

    granted: bool


class Answered(Contract, name="loans.answered", version="1.0"):
    """The customer knows."""

    letter: str


class Parked(Contract, name="loans.parked", version="1.0"):
    """In a person's queue."""

    queue: str


class Bureau(Protocol):
    """Where scores come from."""

    async def score(self, amount: int) -> int: ...


class Post(Protocol):
    """Where letters go."""

    async def send(self, text: str, *, key: str) -> str: ...


@agent(budget="2s", owner="risk")
async def score(
    turn: Turn[Application], bureau: Bureau
) -> Scored | Failure[Literal["model_down", "rubric_fail", "compliance_fail"]]:
    if turn.payload.amount > 1_000_000:
        return turn.fail("compliance_fail", "nobody may lend that much")
    async with turn.calling("bureau"):
        points = await bureau.score(turn.payload.amount)
    return too_unsure(turn) if points < 0 else Scored(amount=turn.payload.amount, score=points)


def too_unsure(turn: Turn[Application]) -> Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "the bureau is not sure")


@agent(budget="1s", owner="risk")
def score_by_rule(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    if turn.payload.amount == 0:
        return turn.fail("rubric_fail", "there is no rule for nothing")
    return Scored(amount=turn.payload.amount, score=50)


@agent(budget="1s", owner="credit")
async def decide(turn: Turn[Scored]) -> Decided | Failure[Literal["invariant_broken"]]:
    asked = await turn.earlier(Application)
    if asked.amount != turn.payload.amount:
        return turn.fail("invariant_broken", "the amount has changed")
    return Decided(granted=turn.payload.score > 30)


def not_granted(turn: Turn[Scored]) -> Decided:
    return Decided(granted=False)


@agent(budget="5s", owner="service", effect="sends a letter", irreversible="a letter cannot be called back")
async def answer(turn: Turn[Decided], post: Post) -> Answered | Failure[Literal["model_down"]]:
    async with turn.calling("post"):
        return Answered(letter=await post.send(str(turn.payload.granted), key=turn.idempotency_key))


@agent(budget="1s", owner="service")
def park(turn: Turn[Escalated]) -> Parked:
    return Parked(queue=turn.payload.agent)


def loans() -> Choreography:
    """The score, made anew for each test."""
    made = Choreography("loans", starts=Application, deadline="1m", handoffs=2, otherwise={"agent_fault": escalate})
    made.on(
        score,
        compliance_fail=escalate,
        rubric_fail=to(score_by_rule),
        model_down=retry(2, first="100ms") | to(score_by_rule, times=1) | dead_letter,
        latency_blow=retry(3, first="200ms", cap="1s"),
    )
    made.on(score_by_rule, standby=True, rubric_fail=escalate, latency_blow=dead_letter)
    made.on(decide, invariant_broken=escalate, latency_blow=degrade(not_granted))
    made.on(answer, model_down=retry(5) | dead_letter, schema_invalid=retry(2, varies="wording") | escalate)
    made.on(park, waive="it only takes down what others could not do")
    return made
