"""Faults on purpose: the same ones for the same seed, and an agent that is the same but for them."""

import asyncio
from typing import Any

import pytest

from misstep import Choreography, Contract, Turn, agent, dead_letter, retry
from misstep.agents.turn import Turn as AnyTurn
from misstep.saga.compile import compile_plan
from misstep.testing import rehearse
from misstep.testing.faults import drawn, faulty
from misstep.testing.without_patterns import without_patterns


class Asked(Contract, name="faults.asked", version="1.0"):
    number: int


class Answered(Contract, name="faults.answered", version="1.0"):
    number: int


@agent(budget="1s", owner="tests", raises={ConnectionError: "model_down"})
def answer(turn: Turn[Asked]) -> Answered:
    return Answered(number=turn.payload.number)


@agent(budget="1s", owner="tests", raises={ConnectionError: "model_down"})
async def answer_later(turn: Turn[Asked]) -> Answered:
    return Answered(number=turn.payload.number)


def down_at_first(turn: AnyTurn[Any]) -> None:
    if turn.attempt == 1:
        raise ConnectionError("on purpose")


def test_a_draw_depends_on_the_seed_and_on_every_name() -> None:
    draws = {drawn(seed, case, attempt) for seed in (1, 2) for case in ("a", "b") for attempt in (1, 2)}
    assert len(draws) == 8
    assert all(0 <= one < 1 for one in draws)
    assert drawn(1, "a", 1) == drawn(1, "a", 1)


@pytest.mark.parametrize("base", [answer, answer_later])
def test_a_faulty_agent_is_the_same_agent_but_for_its_faults(base: Any) -> None:
    broken = faulty(base, down_at_first)
    assert (broken.name, broken.signature, broken.budget_ms) == (base.name, base.signature, base.budget_ms)
    score = Choreography("faults", starts=Asked, deadline="10s")
    score.on(broken, model_down=retry(2) | dead_letter)
    story = rehearse(compile_plan(score), Asked(number=1))
    assert (story.outcome, story.turns[0].attempts) == ("completed", 2)


def test_without_patterns_the_same_fault_ends_the_case() -> None:
    score = Choreography("faults", starts=Asked, deadline="10s")
    score.on(faulty(answer, down_at_first), model_down=retry(2) | dead_letter)
    story = rehearse(compile_plan(without_patterns(score, "bare")), Asked(number=1))
    assert (story.outcome, story.reasons) == ("dead_lettered", ["model_down"])


def test_what_happens_before_may_wait() -> None:
    async def wait(turn: AnyTurn[Any]) -> None:
        await asyncio.sleep(5)

    score = Choreography("faults", starts=Asked, deadline="10s")
    score.on(faulty(answer, wait), latency_blow=dead_letter, model_down=dead_letter)
    assert rehearse(compile_plan(score), Asked(number=1)).reasons == ["latency_blow"]
