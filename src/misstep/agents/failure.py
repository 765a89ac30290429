"""A failure as a value: what an agent returns (or raises) when its turn did not go well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

Q_co = TypeVar("Q_co", bound=str, covariant=True)


class Failure(Exception, Generic[Q_co]):
    """One named reason with a detail for people and evidence for machines. Made by `turn.fail`."""

    def __init__(
        self, reason: Q_co, detail: str, evidence: Mapping[str, object] | None = None, agent: str = ""
    ) -> None:
        super().__init__(reason, detail)
        self.reason: str = reason
        self.detail = detail
        self.agent = agent
        self.evidence: Mapping[str, object] = evidence or {}

    def __repr__(self) -> str:
        return f"Failure({self.reason!r}, {self.detail!r})"
