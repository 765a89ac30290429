"""Breakers, rates and steps in a rehearsal: on its virtual clock, and each rehearsal by itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from misstep import Choreography, Contract, Failure, Turn, Wiring, agent, dead_letter, escalate, retry
from misstep.errors import UsageError
from misstep.testing import rehearse


class Question(Contract, name="rehearsed.question", version="1.0"):
    words: int


class Answer(Contract, name="rehearsed.answer", version="1.0"):
    words: int


class Oracle:
    """Down for its first so many calls."""

    def __init__(self, down: int) -> None:
        self.down = down
        self.asked = 0

    async def ask(self, words: int) -> int:
        self.asked += 1
        if self.asked <= self.down:
            raise ConnectionRefusedError("asleep")
        return words * 2


@agent(budget="1s")
async def ask(turn: Turn[Question], oracle: Oracle) -> Answer | Failure[Literal["model_down"]]:
    async with turn.calling("oracle"):
        return Answer(words=await oracle.ask(turn.payload.words))


@agent(budget="1s", when_open="pause")
async def ask_patiently(turn: Turn[Question], oracle: Oracle) -> Answer | Failure[Literal["model_down"]]:
    async with turn.calling("oracle"):
        return Answer(words=await oracle.ask(turn.payload.words))


def score_of(asking: Any) -> Choreography:
    score = Choreography("rehearsed", starts=Question, deadline="10m", handoffs=0)
    score.on(asking, model_down=retry(7, first="10ms", cap="20ms") | dead_letter)
    return score


def test_the_sixth_attempt_meets_an_open_circuit_and_waits_for_it_on_virtual_time() -> None:
    oracle = Oracle(down=5)
    story = rehearse(score_of(ask), Question(words=3), dependencies=[oracle])
    assert story.outcome == "completed"
    assert oracle.asked == 6
    (turn,) = story.turns
    assert turn.attempts == 7, "one of them was refused by the circuit"
    assert 30_000 <= turn.tries[-1][1] <= 35_000
    assert story.waited_ms >= 30_000


def test_a_second_rehearsal_begins_with_a_closed_circuit() -> None:
    for _ in range(2):
        oracle = Oracle(down=4)
        story = rehearse(score_of(ask), Question(words=3), dependencies=[oracle])
        assert (story.outcome, oracle.asked) == ("completed", 5)
        assert story.waited_ms < 1_000


def test_an_agent_that_pauses_waits_for_the_circuit_and_needs_no_attempt_for_it() -> None:
    oracle = Oracle(down=12)
    story = rehearse(score_of(ask_patiently), Question(words=3), dependencies=[oracle])
    assert story.outcome == "completed"
    (turn,) = story.turns
    assert turn.attempts == 6, "five that failed opened the circuit; to try it out is none"
    assert oracle.asked == 13
    assert story.waited_ms == pytest.approx(8 * 30_000, abs=1_000)


def test_its_patience_ends_with_the_cases_deadline() -> None:
    story = rehearse(score_of(ask_patiently), Question(words=3), dependencies=[Oracle(down=1_000)])
    assert story.outcome == "dead_lettered"
    assert story.waited_ms == pytest.approx(600_000, abs=31_000)
    assert story.turns[-1].reason == "model_down"


@pytest.mark.parametrize("said", ["later", "", None, "PAUSE"])
def test_a_way_that_is_none_is_refused(said: Any) -> None:
    with pytest.raises(UsageError, match=r'write when_open="fail_fast" or when_open="pause"'):
        agent(budget="1s", when_open=said)(asks)


async def asks(turn: Turn[Question]) -> Answer:
    return Answer(words=1)


runs: list[str] = []


async def expensive(words: int) -> int:
    runs.append("expensive")
    await asyncio.sleep(0.2)
    return words + 1


@agent(budget="1s")
async def think(turn: Turn[Question]) -> Answer | Failure[Literal["rubric_fail", "model_down"]]:
    thought = await turn.step("think", expensive, turn.payload.words)
    if turn.attempt < 3:
        return turn.fail("rubric_fail", "not yet")
    return Answer(words=thought)


def test_a_step_is_kept_over_the_retries_of_a_turn_and_not_over_rehearsals() -> None:
    score = Choreography("thinking", starts=Question, deadline="10m", handoffs=0)
    score.on(think, rubric_fail=retry(3, varies="nothing") | escalate, model_down=dead_letter)
    for times in (1, 2):
        story = rehearse(score, Question(words=3))
        assert story.outcome == "completed"
        assert story.turns[-1].payload == {"words": 4}
        assert runs == ["expensive"] * times


def test_the_name_of_the_dependency_of_steps_is_taken() -> None:
    wiring = Wiring()
    with pytest.raises(UsageError, match=r"'checkpoints' is the dependency of turn\.step; give yours another name"):

        @wiring.provides()
        async def checkpoints() -> AsyncIterator[Oracle]:
            yield Oracle(0)
