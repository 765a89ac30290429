"""The undo: what an agent's compensation is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import JsonValue

from misstep.agents.failure import Failure

I_co = TypeVar("I_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Undo(Generic[I_co, O_co]):
    """One step of a case that is taken back: `async def reverse_entry(undo: Undo[Matched, Posted], ledger: Ledger)`."""

    input: I_co
    """What the step had accepted."""
    output: O_co | None
    """What it emitted; None for the step that failed, whose effect may or may not have happened."""
    failure: Failure[str]
    """Why the case is taken back."""
    idempotency_key: str
    """The key that the step itself gave to whatever it changed."""
    checkpoints: Mapping[str, JsonValue] = field(default_factory=dict)
    """The results of the step's `turn.step` calls, by name."""
    case_id: str = "case-1"
    workflow: str = ""
    agent: str = ""
    attempt: int = 1
    """1 for the first try at undoing, 2 for the first retry, and so on."""
