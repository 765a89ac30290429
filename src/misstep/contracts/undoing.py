"""The undo command: what travels through a workflow's undo topic while a case is taken back."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from misstep.contracts.contract import Contract


class SaidThen(BaseModel):
    """A value of the case as it stood: carried along when it is small, else only where it stands in Kafka."""

    topic: str
    partition: int
    offset: int
    dataschema: str | None = Field(default=None, description="Its `ce_dataschema`.")
    text: str | None = Field(default=None, description="The bytes, when they are UTF-8 and small.")
    raw: bytes | None = Field(default=None, description="The bytes, base64, when they are small and no text.")


class UndoStep(BaseModel):
    """One step that is to be undone."""

    agent: str
    version: int = Field(description="State version of the step's event.")
    key: str = Field(description="The idempotency key of the step.")
    inputs: list[SaidThen] = Field(default=[], description="What the step had accepted; several for a join.")
    output: SaidThen | None = Field(default=None, description="What it emitted; null for the step that failed.")
    lost: str = Field(default="", description="Why it cannot be undone by anybody's code.")


class UndoResult(BaseModel):
    """What became of one step."""

    agent: str
    version: int
    undone: bool
    detail: str = ""
    result: JsonValue = None


class Undoing(Contract, name="misstep.undo", version="1.0"):
    """A case that is being taken back: why, which steps in which order, and what has been done so far."""

    agent: str = Field(description="The agent whose failure takes the case back.")
    reason: str = Field(description="Its failure reason; ok when an operator takes the case back.")
    detail: str
    evidence: dict[str, JsonValue]
    ends_as: Literal["compensated", "cancelled"]
    steps: list[UndoStep] = Field(description="In the order in which they are undone.")
    results: list[UndoResult] = Field(default=[], description="One for each step that has had its turn.")

    @property
    def next_step(self) -> UndoStep | None:
        """The step whose turn it is; None when all have had theirs."""
        return self.steps[len(self.results)] if len(self.results) < len(self.steps) else None

    @property
    def stands(self) -> list[UndoResult]:
        """What could not be undone."""
        return [result for result in self.results if not result.undone]
