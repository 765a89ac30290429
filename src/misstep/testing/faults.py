"""Faults on purpose: drawn from a seed, so that two sides of a comparison, and two runs, meet the same ones."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from misstep.agents.agent import Agent
from misstep.agents.turn import Turn

In = TypeVar("In")
Res = TypeVar("Res")

Before = Callable[[Turn[Any]], Awaitable[object] | object]
"""What happens to a turn before its agent sees it: nothing, a wait, or an exception that the agent's row answers."""


def drawn(seed: int, *what: object) -> float:
    """A number from 0 to 1 (excluded) that is the same whenever it is drawn for the same seed and names.

    Give it what a fault depends on: the case, the agent, the attempt. Nothing that happened before plays a part, so a
    fault meets a case again after a restart, and in another workflow.
    """
    text = "/".join(map(str, (seed, *what)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def faulty(agent: Agent[In, Res], before: Before) -> Agent[In, Res]:
    """The same agent, for which each attempt begins with `before(turn)`; what that raises, the agent raises.

    A `before` that is a coroutine function makes a plain agent `async`.
    """
    function = agent.function
    call: Callable[..., Any]
    if agent.is_async or inspect.iscoroutinefunction(before):

        @wraps(function)
        async def call_async(turn: Turn[Any], *dependencies: object) -> object:
            waited = before(turn)
            if inspect.isawaitable(waited):
                await waited
            result = function(turn, *dependencies)
            return await result if inspect.isawaitable(result) else result

        call = call_async
    else:

        @wraps(function)
        def call_plain(turn: Turn[Any], *dependencies: object) -> object:
            before(turn)
            return function(turn, *dependencies)

        call = call_plain
    same: Agent[In, Res] = type(agent).__new__(type(agent))
    Agent.__init__(
        same,
        call,
        budget_ms=agent.budget_ms,
        owner=agent.owner,
        blocking=agent.blocking and not inspect.iscoroutinefunction(call),
        effect=agent.effect,
        irreversible=agent.irreversible,
        raises=agent.raises,
    )
    return same
