"""Turns for agents that are called as functions, and what these say."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from misstep import Contract, Failure, Turn
from misstep.testing import turn

P = TypeVar("P", bound=Contract)
T = TypeVar("T")


def turn_of(payload: P, *, failure: Failure[str] | None = None) -> Turn[P]:
    return turn(payload, workflow="invoice", agent="agent", failure=failure)


def run(result: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(result)


def said(result: T | Failure[Any]) -> T:
    """The result, which must be none of the failures."""
    assert not isinstance(result, Failure), result
    return result


def refused(result: object) -> Failure[Any]:
    """The failure, which the result must be."""
    assert isinstance(result, Failure), result
    return result
