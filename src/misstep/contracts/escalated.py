"""A case handed to a person: what `escalate` publishes and an escalation agent accepts."""

from __future__ import annotations

from pydantic import Field, JsonValue

from misstep.contracts.contract import Contract


class Escalated(Contract, name="misstep.escalated", version="1.0"):
    """A case that a person has to decide."""

    agent: str = Field(description="The agent that could not go on.")
    reason: str = Field(description="Its failure reason.")
    detail: str = Field(description="The failure in a sentence.")
    evidence: dict[str, JsonValue] = Field(description="What the agent put beside its failure.")
    payload: JsonValue = Field(description="What the agent had received; null when that cannot be read.")
    raw: bytes = Field(default=b"", description="The bytes it had received, base64, when they cannot be read.")
    suggestions: list[JsonValue] = Field(default=[], description="Answers that the person may give as they are.")
