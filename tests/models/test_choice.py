"""Primary and fallback behind one interface, and what an agent's turn says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Literal

import pytest
from pydantic import BaseModel

from misstep import Contract, Failure, Turn, agent
from misstep.errors import UsageError
from misstep.models import (
    Answer,
    ByAttempt,
    FirstThatAnswers,
    Model,
    ModelDown,
    ModelNonsense,
    ModelRefused,
    ModelSettings,
    Prompt,
    ask,
    open_model,
)
from misstep.testing import turn
from tests.models.provider import TOKENS, Provider


class Town(BaseModel):
    city: str


class Question(Contract, name="models.question", version="1.0"):
    text: str


class Said(Contract, name="models.said", version="1.0"):
    city: str


def asked(
    provider: Provider, models: list[str], choose: Callable[..., Model] = FirstThatAnswers, *, attempt: int = 1
) -> Answer[Town]:
    async def asking() -> Answer[Town]:
        async with AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(open_model(ModelSettings(model=model, base_url=provider.url)))
                for model in models
            ]
            return await choose(*opened).ask(Prompt("Which town?"), answers=Town, attempt=attempt)

    return asyncio.run(asking())


def test_while_the_primary_answers_nobody_else_is_asked(provider: Provider) -> None:
    provider.says |= {"primary": {"city": "Utrecht"}, "fallback": {"city": "Delft"}}
    answer = asked(provider, ["primary", "fallback"])
    assert (answer.output.city, answer.model, answer.passed_over) == ("Utrecht", "primary", ())
    assert provider.asked["fallback"] == 0


def test_the_fallback_answers_for_a_primary_that_is_down(provider: Provider) -> None:
    provider.status["primary"] = (503, {})
    provider.says["fallback"] = {"city": "Delft"}
    answer = asked(provider, ["primary", "fallback"])
    assert (answer.output.city, answer.model, answer.tokens) == ("Delft", "fallback", TOKENS)
    assert [(one["model"], one["reason"]) for one in answer.passed_over] == [("primary", "model_down")]


def test_the_tokens_of_a_primary_that_talks_nonsense_are_counted_too(provider: Provider) -> None:
    provider.says |= {"primary": "well, ...", "fallback": {"city": "Delft"}}
    assert asked(provider, ["primary", "fallback"]).tokens == 2 * TOKENS


def test_a_refusal_is_not_taken_elsewhere_unless_the_agent_says_so(provider: Provider) -> None:
    provider.refuses["primary"] = "No."
    provider.says["fallback"] = {"city": "Delft"}
    with pytest.raises(ModelRefused):
        asked(provider, ["primary", "fallback"])
    willing = asked(
        provider, ["primary", "fallback"], lambda *models: FirstThatAnswers(*models, on=["compliance_fail"])
    )
    assert willing.output.city == "Delft"


def test_when_nobody_answers_the_last_failure_tells_of_the_others(provider: Provider) -> None:
    provider.says["primary"] = "well, ..."
    provider.status["fallback"] = (429, {"Retry-After": "5"})
    with pytest.raises(ModelDown) as down:
        asked(provider, ["primary", "fallback"])
    assert (down.value.retry_after, down.value.tokens) == (5, TOKENS)
    passed_over = down.value.evidence["passed_over"]
    assert isinstance(passed_over, list)
    assert [one["reason"] for one in passed_over] == ["schema_invalid"]


@pytest.mark.parametrize(("attempt", "model"), [(1, "small"), (2, "large"), (3, "large")])
def test_from_attempt_to_attempt_another_model_may_be_asked(provider: Provider, attempt: int, model: str) -> None:
    provider.says |= {"small": {"city": "Utrecht"}, "large": {"city": "Delft"}}
    assert asked(provider, ["small", "large"], ByAttempt, attempt=attempt).model == model


def test_a_choice_of_nobody_is_a_mistake() -> None:
    for choose in (FirstThatAnswers, ByAttempt):
        with pytest.raises(UsageError, match="give it the"):
            choose()


PROMPTS = (Prompt("Which town? As JSON.", name="plain"), Prompt('Only {"city": ...}. Which town?', name="strict"))


@agent(budget="5s", owner="maps")
async def locate(
    turn: Turn[Question], model: Model
) -> Said | Failure[Literal["model_down", "schema_invalid", "compliance_fail"]]:
    answer = await ask(turn, model, PROMPTS[min(turn.attempt, 2) - 1], answers=Town)
    return Said(city=answer.output.city)


def located(provider: Provider, model: str, given: Turn[Question]) -> Said | Failure[str]:
    async def locating() -> Said | Failure[str]:
        async with open_model(ModelSettings(model=model, base_url=provider.url)) as opened:
            return await locate(given, opened)

    return asyncio.run(locating())


def test_the_turn_says_who_answered_which_prompt_and_what_it_cost(provider: Provider) -> None:
    provider.says["good"] = {"city": "Utrecht"}
    given = turn(Question(text="?"), agent="locate", attempt=2)
    assert located(provider, "good", given) == Said(city="Utrecht")
    assert given.noted is not None
    assert (given.noted.tokens, given.noted.evidence) == (TOKENS, {"model": "good", "prompt": "strict"})
    assert "Only" in provider.requests[0]["messages"][-1]["content"]


def test_what_a_failure_cost_is_counted_into_the_turn(provider: Provider) -> None:
    provider.says["chatty"] = "Well, ..."
    given = turn(Question(text="?"), agent="locate")
    with pytest.raises(ModelNonsense) as nonsense:
        located(provider, "chatty", given)
    assert given.noted is not None
    assert given.noted.tokens == TOKENS
    assert (nonsense.value.agent, nonsense.value.evidence["prompt"]) == ("locate", "plain")
