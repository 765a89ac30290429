"""A turn for calling an agent as a function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from misstep.agents.calling import calling, down
from misstep.agents.failure import Failure
from misstep.agents.turn import C, Turn
from misstep.contracts import Contract

Payload = TypeVar("Payload", bound=Contract | tuple[Contract, ...])


def turn(
    payload: Payload,
    /,
    *,
    attempt: int = 1,
    failure: Failure[str] | None = None,
    degraded: Sequence[str] = (),
    earlier: Sequence[Contract] = (),
    unreachable: Set[str] = frozenset(),
    case_id: str = "case-1",
    workflow: str = "",
    agent: str = "",
    epoch: int = 0,
    version: int = 1,
    handoffs_left: int = 3,
) -> Turn[Payload]:
    """A turn as an agent is given it, without anything around it: `decide(turn(Claim(case_id="r-1", amount=900)))`.

    attempt: 2 for the first retry. failure: what routed the case here: `Failure("rubric_fail", "unsure", {"seen": 3})`.
    degraded: why the version that is read is a neutral default: `["model_down"]`. earlier: the case's versions before
    this one, oldest first; `turn.earlier` answers with the newest that fits, the payload itself included, and raises
    LookupError when none does. unreachable: dependencies that do not answer: `turn.calling` of one of them is a
    `model_down`; of any other it does what it does in a worker.

    Afterwards `turn.noted` holds what the agent noted. An `async` agent: `asyncio.run(post_entry(turn(...), ledger))`.
    """
    return Turn(
        payload,
        case_id=case_id,
        workflow=workflow,
        agent=agent,
        epoch=epoch,
        version=version,
        attempt=attempt,
        handoffs_left=handoffs_left,
        degraded=tuple(degraded),
        failure=failure,
        surroundings=_Alone(earlier, unreachable),
    )


class _Alone:
    """Surroundings in memory."""

    def __init__(self, earlier: Sequence[Contract], unreachable: Set[str]) -> None:
        self._earlier = earlier
        self._unreachable = unreachable

    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        for version in (turn.payload, *reversed(self._earlier)):
            if isinstance(version, contract):
                return version
        raise LookupError(f"no version of this case says {contract.__contract__.name}")

    def calling(self, turn: Turn[Any], dependency: str) -> AbstractAsyncContextManager[None]:
        if dependency in self._unreachable:
            return _refused(turn.agent, dependency)
        return calling(turn.agent, dependency, {dependency})


@asynccontextmanager
async def _refused(agent: str, dependency: str) -> AsyncIterator[None]:
    error = ConnectionRefusedError("it does not answer")
    raise down(agent, dependency, error) from error
    yield
