"""Helpers that live in another module than the agents that call them."""

from typing import Any

from misstep import Failure, Turn

FORBIDDEN = "compliance_fail"


def checked(turn: Turn[Any]) -> Failure[str] | None:
    return turn.fail("invariant_broken", "so it is") if turn.attempt > 1 else None


def doubted(turn: Turn[Any]) -> Failure[str]:
    return turn.fail("rubric_fail", "so it is")


def untold() -> str:
    return "rubric_fail"
