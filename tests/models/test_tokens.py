"""What a case's models cost stands in its events: of every attempt, the failed ones included."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from misstep import Choreography, Contract, Failure, Turn, agent, degrade, escalate, retry
from misstep.models import Answer, Model, ModelNonsense, Prompt, ask
from misstep.models.model import A
from misstep.testing import rehearse


class Asked(Contract, name="tokens.asked", version="1.0"):
    text: str


class Told(Contract, name="tokens.told", version="1.0"):
    text: str


class Words(BaseModel):
    text: str


class Stammering:
    """Talks nonsense so often, and every word of it costs."""

    def __init__(self, times: int) -> None:
        self._times = times

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        if attempt <= self._times:
            raise ModelNonsense("m", "Words", {"(whole)": "no JSON"}, "w-w-", tokens=10)
        return Answer(answers.model_validate({"text": "words"}), 7, "m")


@agent(budget="1s", owner="talk")
async def speak(turn: Turn[Asked], model: Model) -> Told | Failure[Literal["schema_invalid"]]:
    answer = await ask(turn, model, Prompt("speak"), answers=Words)
    return Told(text=answer.output.text)


def tokens(times: int, score: Choreography) -> list[int]:
    story = rehearse(score, Asked(text="?"), dependencies=[Stammering(times)])
    return [int(event.headers["ce_tokens"]) for event in story.turns]


talk = Choreography("talk", starts=Asked, deadline="60s")
talk.on(speak, schema_invalid=retry(3, varies="prompt") | escalate)

silence = Choreography("silence", starts=Asked, deadline="60s")
silence.on(speak, schema_invalid=retry(3, varies="prompt") | degrade(Told(text="...")))


def test_the_event_of_a_turn_counts_the_tokens_of_the_attempts_before() -> None:
    assert tokens(0, talk) == [7]
    assert tokens(2, talk) == [27]


def test_a_failed_turn_has_its_cost_too_and_so_has_one_that_was_degraded() -> None:
    assert tokens(5, talk) == [30]
    assert tokens(5, silence) == [30]
