"""Histories of cases for searches, made by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from misstep.store.case_story import StoryVersion

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def version(
    number: int, agent: str, *parents: StoryVersion, payload: Any = None, reason: str = "ok", kind: str = "turn"
) -> StoryVersion:
    """A state version that follows from `parents`."""
    return StoryVersion(
        workflow="w",
        epoch=0,
        version=number,
        agent=agent,
        kind=kind,
        contract=None,
        reason=reason,
        detail=None,
        route="next",
        attempts=1,
        tries=[],
        degraded=None,
        latency=None,
        tokens=None,
        authority=None,
        evidence={},
        justification=None,
        payload=payload,
        build="b",
        traceparent=None,
        prev_hash=",".join(parent.hash for parent in sorted(parents, key=lambda one: one.agent)),
        hash=hashlib.sha256(f"{number}/{agent}".encode()).hexdigest(),
        occurred_at=BEGAN + timedelta(seconds=number),
        recorded_at=BEGAN,
        topic=f"n.w.{agent}",
        partition=0,
        offset=number,
    )


def row(length: int) -> list[StoryVersion]:
    """A case that came in, and so many turns one after the other."""
    found = [version(0, "cases", kind="case")]
    for number in range(1, length + 1):
        found.append(version(number, f"agent_{number % 7}", found[-1]))
    return found
