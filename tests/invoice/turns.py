"""Turns for agents that are called as functions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from misstep import Contract, Failure, Turn
from misstep.agents.calling import calling

P = TypeVar("P", bound=Contract)
T = TypeVar("T")
C = TypeVar("C", bound=Contract)


class _Around:
    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        raise LookupError(contract.__name__)

    def calling(self, turn: Turn[Any], dependency: str) -> AbstractAsyncContextManager[None]:
        return calling(turn.agent, dependency, {"orders", "ledger", "remittances"})


def turn_of(
    payload: P, *, agent: str = "agent", case_id: str = "case-1", failure: Failure[str] | None = None
) -> Turn[P]:
    return Turn(payload, workflow="invoice", agent=agent, case_id=case_id, failure=failure, surroundings=_Around())


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
