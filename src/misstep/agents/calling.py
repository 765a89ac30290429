"""Around a call to a dependency: exceptions that mean "it is down" become the failure `model_down`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from typing import Final, Literal

from misstep.agents.down import http_status, is_down, retry_after_s
from misstep.agents.failure import Failure

MODEL_DOWN: Final = "model_down"
DETAIL_MAX_CHARS: Final = 500


class UnknownDependency(LookupError):
    """A call to a dependency that the wiring does not name: a bug of the agent."""


class DependencyDown(Failure[Literal["model_down"]]):
    """`model_down`, with the wait that the dependency asked for."""

    retry_after: float = 0.0
    """Seconds."""


@asynccontextmanager
async def calling(agent: str, dependency: str, known: Set[str]) -> AsyncIterator[None]:
    """Raises `model_down` for what means that the dependency is down; everything else passes as it is.

    A cancellation is none of the dependency's: the turn's own time budget passes even when a driver wraps it.
    Raises UnknownDependency for a name that is not in `known`.
    """
    if dependency not in known:
        names = ", ".join(sorted(known)) or "none"
        raise UnknownDependency(
            f"{agent} calls {dependency!r}, which agents/wiring.py does not name (it names: {names}); "
            f'write @wiring.provides(dependency="{dependency}").'
        )
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        if not is_down(error):
            raise
        raise down(agent, dependency, error) from error


def down(agent: str, dependency: str, error: Exception) -> DependencyDown:
    """The failure that an exception of a dependency is."""
    said = " ".join(str(error).split()) or "no answer"
    evidence: dict[str, object] = {"dependency": dependency, "exception": type(error).__name__}
    status = http_status(error)
    if status is not None:
        evidence["http_status"] = status
    failure = DependencyDown(
        MODEL_DOWN, f"{dependency}: {type(error).__name__}: {said[:DETAIL_MAX_CHARS]}", evidence, agent
    )
    failure.retry_after = retry_after_s(error)
    return failure
