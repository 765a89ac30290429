"""Several models as one: the first that answers, or another one from attempt to attempt."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import JsonValue

from misstep.errors import UsageError
from misstep.models.failures import ModelDown, ModelNonsense, ModelRefused
from misstep.models.model import A, Answer, Model, Prompt

FALLS_BACK_ON = frozenset({"model_down", "schema_invalid"})
"""A refusal is not among them: whether to ask somebody else until somebody agrees is for the agent to say."""


class FirstThatAnswers:
    """A primary model and its fallbacks: each is asked when the one before it did not answer."""

    def __init__(self, *models: Model, on: Collection[str] = FALLS_BACK_ON) -> None:
        """on: the reasons for which the next one is asked."""
        if not models:
            raise UsageError("FirstThatAnswers(): give it the primary model, and its fallbacks after it.")
        self._models = models
        self._on = frozenset(on)

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        """The first answer. When nobody answers, the last one's failure, with the others in its evidence."""
        tokens = 0
        passed_over: list[dict[str, JsonValue]] = []
        *before, last = self._models
        for model in before:
            try:
                return _after(passed_over, tokens, await model.ask(prompt, answers=answers, attempt=attempt))
            except (ModelDown, ModelRefused, ModelNonsense) as failure:
                if failure.reason not in self._on:
                    raise _added(failure, passed_over, tokens) from None
                tokens += failure.tokens
                passed_over.append(
                    {"model": str(failure.evidence.get("model")), "reason": failure.reason, "detail": failure.detail}
                )
        try:
            return _after(passed_over, tokens, await last.ask(prompt, answers=answers, attempt=attempt))
        except (ModelDown, ModelRefused, ModelNonsense) as failure:
            raise _added(failure, passed_over, tokens) from None


class ByAttempt:
    """The first model for the first attempt, the next one for the next: what `retry(2, varies="model")` varies."""

    def __init__(self, *models: Model) -> None:
        if not models:
            raise UsageError(
                "ByAttempt(): give it the model of the first attempt, and those of the next ones after it."
            )
        self._models = models

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        """What the attempt's model answers; the last one has all attempts beyond."""
        model = self._models[min(max(attempt, 1), len(self._models)) - 1]
        return await model.ask(prompt, answers=answers, attempt=attempt)


def _after(passed_over: list[dict[str, JsonValue]], tokens: int, answer: Answer[A]) -> Answer[A]:
    if not passed_over:
        return answer
    return Answer(answer.output, tokens + answer.tokens, answer.model, (*passed_over, *answer.passed_over))


def _added(
    failure: ModelDown | ModelRefused | ModelNonsense, passed_over: list[dict[str, JsonValue]], tokens: int
) -> ModelDown | ModelRefused | ModelNonsense:
    if passed_over:
        failure.evidence = {**failure.evidence, "passed_over": passed_over}
        failure.tokens += tokens
    return failure
