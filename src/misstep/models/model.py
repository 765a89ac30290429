"""The interface: what a model is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel, JsonValue

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked."""

    text: str
    """The instructions."""
    facts: BaseModel | None = None
    """What the answer must stand on; a provider is sent it as JSON after the text."""
    name: str = ""
    """Which of the agent's prompts it is, for the evidence: agents vary it from attempt to attempt."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[A]):
    """What a model answered."""

    output: A
    """Read and checked."""
    tokens: int
    """Of the prompt and the answer, and of every model that was asked before this one answered."""
    model: str
    """Who answered."""
    passed_over: tuple[dict[str, JsonValue], ...] = field(default=())
    """The models that were asked before and did not answer, as evidence: model, reason, detail."""


class Model(Protocol):
    """Answers a prompt in a given shape. Implementations are safe to share between turns that run at once."""

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        """The answer, as an `answers`. attempt: 1 for the first try of a turn (`turn.attempt`).

        Raises ModelDown, ModelRefused or ModelNonsense; anything else is a mistake of the caller (a key that is not
        valid, a model that does not exist).
        """
        ...
