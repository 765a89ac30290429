"""A turn for calling an agent as a function."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence, Set
from contextlib import nullcontext
from typing import Any, TypeVar

from misstep.agents.calling import calling, down
from misstep.agents.failure import Failure
from misstep.agents.step import run_step
from misstep.agents.turn import C, T, Turn
from misstep.contracts import Contract
from misstep.store.checkpoint import CheckpointStore
from misstep.testing.checkpoints import InMemoryCheckpoints

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
    checkpoints: CheckpointStore | None = None,
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
    `model_down`; of any other it does what it does in a worker, without breaker and rate. checkpoints: what `turn.step`
    remembers in, new if left out; give a second turn the InMemoryCheckpoints of the first, and it is the retry.

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
        surroundings=_Alone(earlier, unreachable, checkpoints or InMemoryCheckpoints()),
    )


class _Alone:
    """Surroundings in memory."""

    def __init__(self, earlier: Sequence[Contract], unreachable: Set[str], checkpoints: CheckpointStore) -> None:
        self._earlier = earlier
        self._unreachable = unreachable
        self._checkpoints = checkpoints

    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        for version in (turn.payload, *reversed(self._earlier)):
            if isinstance(version, contract):
                return version
        raise LookupError(f"no version of this case says {contract.__contract__.name}")

    def calling(self, turn: Turn[Any], dependency: str) -> calling:
        kind = _Refusing if dependency in self._unreachable else calling
        return kind(turn.agent, dependency, {dependency})

    async def step(
        self,
        turn: Turn[Any],
        name: str,
        fn: Callable[..., Coroutine[Any, Any, T]],
        a: tuple[Any, ...],
        k: dict[str, Any],
    ) -> T:
        return await run_step(turn, self._checkpoints, nullcontext, name, fn, a, k)


class _Refusing(calling):
    """A call to a dependency that does not answer."""

    async def __aenter__(self) -> None:
        self.__enter__()

    def __enter__(self) -> None:
        error = ConnectionRefusedError("it does not answer")
        raise down(self._agent, self._dependency, error) from error
