"""How a case ended: the payload of its one terminal event."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from misstep.contracts.contract import Contract


class Outcome(Contract, name="misstep.outcome", version="1.0"):
    """How a case ended."""

    outcome: Literal["completed", "compensated", "partly_compensated", "escalated", "dead_lettered", "cancelled"] = (
        Field(description="How the case ended.")
    )
    failure_reason: str = Field(description="Why it ended so; ok when it was completed.")
    agent: str = Field(description="The agent whose turn ended it.")
    detail: str = Field(default="", description="What a person should know about it.")
