"""Around a call to a dependency: exceptions that mean "it is down" become the failure `model_down`.

Before the call the dependency's guard is asked: its rate is waited for, and an open circuit is `model_down` at once,
without a call. After it the guard is told how it went.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable, Set
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from types import TracebackType
from typing import Final, Literal

from misstep.agents.attempt_clock import AttemptClock
from misstep.agents.breaker import Allowed, Circuit, Refused
from misstep.agents.down import http_status, is_down, retry_after_s
from misstep.agents.failure import Failure
from misstep.agents.guard import Guard, NoRoom

MODEL_DOWN: Final = "model_down"
DETAIL_MAX_CHARS: Final = 500
SPREAD_MAX_S: Final = 5.0
"""Turns that an open circuit refuses come back up to so much later than it says, each at its own time: one of them
tries the dependency out, and the others need not all find it half open."""


class UnknownDependency(LookupError):
    """A call to a dependency that the wiring does not name: a bug of the agent."""


class DependencyDown(Failure[Literal["model_down"]]):
    """`model_down`, with the wait that the dependency asked for."""

    retry_after: float = 0.0
    """Seconds."""
    counted: bool = False
    """A breaker knows of it: that of a call around this one is not meant."""
    free: bool = False
    """No attempt, of an agent that waits for the circuit: it was not let through, or was to try the dependency out."""


class calling(AbstractAsyncContextManager[None], AbstractContextManager[None]):  # noqa: N801  # reads as a verb
    """`async with`, or plain `with` in a blocking agent, around a call of an agent to a dependency.

    known: the names that the wiring knows. guard: the dependency's breaker and rate; none in a unit test. patient: an
    open circuit is waited for (`when_open="pause"`) and not a failure; a blocking agent gives its thread back
    meanwhile. left_s: how long the turn may wait, asked when it has to. attempt: the attempt's clock, which stands
    still meanwhile. may_block: whether a plain `with` may wait. spread: a text that is the turn's own. wall: seconds
    since the epoch.

    Raises `model_down` for what means that the dependency is down, and while its circuit is open; everything else
    passes as it is. A cancellation is none of the dependency's, even when a driver wraps it; but a turn whose time runs
    out inside the call counts against the dependency. Raises UnknownDependency for a name that is not in `known`.
    """

    __slots__ = (
        "_agent",
        "_allowed",
        "_attempt",
        "_dependency",
        "_guard",
        "_known",
        "_left_s",
        "_may_block",
        "_patient",
        "_spread",
        "_wall",
    )

    def __init__(
        self,
        agent: str,
        dependency: str,
        known: Set[str],
        guard: Guard | None = None,
        *,
        patient: bool = False,
        left_s: Callable[[], float] = lambda: math.inf,
        attempt: AttemptClock | None = None,
        may_block: bool = True,
        spread: str = "",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._agent = agent
        self._dependency = dependency
        self._known = known
        self._guard = guard
        self._patient = patient
        self._left_s = left_s
        self._attempt = attempt
        self._may_block = may_block
        self._spread = spread
        self._wall = wall
        self._allowed: Allowed | None = None

    async def __aenter__(self) -> None:
        self._check_known()
        if self._guard is not None:
            try:
                self._take(
                    await self._guard.enter(
                        patient=self._patient, left_s=self._left_s(), standing_still=self._standing_still
                    )
                )
            except NoRoom:
                raise self._no_room() from None

    def __enter__(self) -> None:
        self._check_known()
        if self._guard is not None:
            try:
                self._take(
                    self._guard.enter_blocking(
                        left_s=self._left_s() if self._may_block else 0.0, standing_still=self._standing_still
                    )
                )
            except NoRoom:
                raise self._no_room() from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        if error is None or isinstance(error, Failure) or task is None or not task.cancelling():
            self._left(error)
            return
        if self._guard is not None and self._allowed is not None:
            if self._attempt is not None and self._attempt.over:
                self._guard.failed(self._allowed)
            else:
                self._guard.abandoned(self._allowed)
        if isinstance(error, Exception):  # a driver's, wrapped around the cancellation
            raise asyncio.CancelledError from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left(error)

    # -- before -------------------------------------------------------------------------------------------------------

    def _check_known(self) -> None:
        if self._dependency not in self._known:
            names = ", ".join(sorted(self._known)) or "none"
            raise UnknownDependency(
                f"{self._agent} calls {self._dependency!r}, which agents/wiring.py does not name (it names: {names}); "
                f'write @wiring.provides(dependency="{self._dependency}").'
            )

    def _standing_still(self) -> AbstractContextManager[None]:
        return self._attempt.standing_still() if self._attempt is not None else nullcontext()

    def _take(self, entered: Allowed | Refused) -> None:
        if isinstance(entered, Refused):
            raise self._refused(entered)
        self._allowed = entered

    def _refused(self, refused: Refused) -> DependencyDown:
        if refused.circuit is Circuit.OPEN:
            state = f"its circuit is open for another {_shown(refused.left_s)}"
        else:
            state = "its circuit is half open, and another turn tries it out"
        in_a_row = f"{refused.failures} failure{'s' if refused.failures != 1 else ''} in a row"
        failure = DependencyDown(
            MODEL_DOWN,
            f"{self._dependency}: {state} ({in_a_row}); it was not called",
            {"dependency": self._dependency, "circuit": refused.circuit.text},
            self._agent,
        )
        failure.retry_after = refused.left_s + min(refused.left_s / 2, SPREAD_MAX_S) * _drawn(self._spread)
        failure.counted = True
        failure.free = self._patient
        return failure

    def _no_room(self) -> DependencyDown:
        assert self._guard is not None
        rate = self._guard.rate
        assert rate is not None
        allowed = f"{rate.calls} call{'s' if rate.calls != 1 else ''} in {_shown(rate.per_ms / 1000)}"
        failure = DependencyDown(
            MODEL_DOWN,
            f"{self._dependency}: its rate ({allowed}) leaves no room in the time that there is; it was not called",
            {"dependency": self._dependency, "rate": allowed},
            self._agent,
        )
        failure.counted = True
        return failure

    # -- after --------------------------------------------------------------------------------------------------------

    def _left(self, error: BaseException | None) -> None:
        guard, allowed = self._guard, self._allowed
        failure = None
        if isinstance(error, Exception) and not isinstance(error, Failure) and is_down(error):
            failure = down(self._agent, self._dependency, error, self._wall)
            failure.counted = guard is not None
        if guard is not None and allowed is not None:
            if failure is not None:
                failure.free = self._patient and allowed.probe
                guard.failed(allowed, failure.retry_after)
            elif isinstance(error, DependencyDown) and not error.counted:  # its client says so (misstep.models)
                error.counted = True
                error.free = self._patient and allowed.probe
                guard.failed(allowed, error.retry_after)
            elif self._attempt is not None and self._attempt.over:
                guard.failed(allowed)
            elif error is None or http_status(error) is not None:  # an answer, if only a no
                guard.succeeded(allowed)
            else:
                guard.abandoned(allowed)
        if failure is not None:
            raise failure from error


def down(agent: str, dependency: str, error: Exception, wall: Callable[[], float] = time.time) -> DependencyDown:
    """The failure that an exception of a dependency is."""
    said = " ".join(str(error).split()) or "no answer"
    evidence: dict[str, object] = {"dependency": dependency, "exception": type(error).__name__}
    status = http_status(error)
    if status is not None:
        evidence["http_status"] = status
    failure = DependencyDown(
        MODEL_DOWN, f"{dependency}: {type(error).__name__}: {said[:DETAIL_MAX_CHARS]}", evidence, agent
    )
    failure.retry_after = retry_after_s(error, wall)
    return failure


def _shown(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{math.ceil(seconds)} s"


def _drawn(text: str) -> float:
    """Between 0 and 1, always the same for the same text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big") / 0xFFFFFFFF
