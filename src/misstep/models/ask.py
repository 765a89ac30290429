"""Asking a model from within a turn: what it cost is counted into the turn's event, however it ends."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from misstep.agents.turn import Turn
from misstep.models.failures import ModelDown, ModelNonsense, ModelRefused
from misstep.models.model import A, Answer, Model, Prompt


async def ask(turn: Turn[Any], model: Model, prompt: Prompt, *, answers: type[A]) -> Answer[A]:
    """`model.ask` for this attempt of the turn, with tokens, model and prompt noted in it.

    Raises what `model.ask` raises. An agent that has more to say than who answered notes it afterwards.
    """
    try:
        answer = await model.ask(prompt, answers=answers, attempt=turn.attempt)
    except (ModelDown, ModelRefused, ModelNonsense) as failure:
        failure.agent = failure.agent or turn.agent
        if prompt.name:
            failure.evidence = {**failure.evidence, "prompt": prompt.name}
        turn.note("", tokens=failure.tokens)
        raise
    said: dict[str, JsonValue] = {"model": answer.model}
    if prompt.name:
        said["prompt"] = prompt.name
    if answer.passed_over:
        said["passed_over"] = list(answer.passed_over)
    turn.note(f"{answer.model} answered", tokens=answer.tokens, **said)
    return answer
