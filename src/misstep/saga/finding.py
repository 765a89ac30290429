"""A finding: one thing that a check found wrong with a score."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one place: what is wrong, and what to do."""

    level: Level
    message: str
    agent: str = ""
    """The agent it is about; empty for the score as a whole."""
    reason: str = ""
    """The failure reason it is about; empty when it is about none."""
    where: str = ""
    """`file:line`, where known."""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        subject = f"{self.agent}: " if self.agent else ""
        return f"{place}{subject}{self.message}"

    def as_json(self) -> dict[str, str]:
        return asdict(self)
