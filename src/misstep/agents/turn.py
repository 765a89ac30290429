"""The turn: what an agent is given, and what it can say besides its result."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from pydantic import JsonValue

from misstep.agents.attempt_clock import AttemptClock
from misstep.agents.calling import calling
from misstep.agents.failure import Failure
from misstep.agents.step import StepCall
from misstep.contracts import Contract

I_co = TypeVar("I_co", covariant=True)
C = TypeVar("C", bound=Contract)
Q = TypeVar("Q", bound=str)
P = ParamSpec("P")
T = TypeVar("T")


class Surroundings(Protocol):
    """What a turn reaches for outside itself; the worker, `rehearse` and a test each bring their own."""

    async def earlier(self, turn: Turn[Any], contract: type[C]) -> C:
        """Newest version of the turn's case that says `contract`; LookupError when there is none."""
        ...

    def calling(self, turn: Turn[Any], dependency: str) -> calling: ...

    async def step(
        self,
        turn: Turn[Any],
        name: str,
        fn: Callable[..., Coroutine[Any, Any, T]],
        a: tuple[Any, ...],
        k: dict[str, Any],
    ) -> T: ...


class Note:
    """The ledger entry of a turn that went well."""

    __slots__ = ("evidence", "justification", "tokens")

    def __init__(self) -> None:
        self.justification = ""
        self.tokens = 0
        self.evidence: dict[str, JsonValue] = {}


class Turn(Generic[I_co]):
    """One agent's handling of one state version."""

    __slots__ = (
        "_key",
        "_note",
        "_surroundings",
        "agent",
        "attempt",
        "case_id",
        "clock",
        "degraded",
        "epoch",
        "failure",
        "handoffs_left",
        "origin",
        "payload",
        "steps",
        "version",
        "workflow",
    )

    def __init__(
        self,
        payload: I_co,
        *,
        case_id: str = "case-1",
        workflow: str = "",
        agent: str = "",
        epoch: int = 0,
        version: int = 1,
        attempt: int = 1,
        handoffs_left: int = 3,
        degraded: Sequence[str] = (),
        failure: Failure[str] | None = None,
        surroundings: Surroundings | None = None,
        origin: object = None,
        idempotency_key: str = "",
    ) -> None:
        self.payload = payload
        """What was handed over, checked against the contract."""
        self.case_id = case_id
        self.workflow = workflow
        self.agent = agent
        self.epoch = epoch
        self.version = version
        """Number of the state version that this turn makes."""
        self.attempt = attempt
        """1 for the first try, 2 for the first retry, and so on."""
        self.handoffs_left = handoffs_left
        self.degraded = degraded
        """Why the version that this turn reads is a neutral default; empty when it is not."""
        self.failure = failure
        """What routed the case here; None on the happy path."""
        self.origin = origin
        """The message behind the turn, for the surroundings; agents have no use for it."""
        self._surroundings = surroundings
        self._key = idempotency_key
        self.clock: AttemptClock | None = None
        """The attempt's time, where it is limited; agents have no use for it."""
        self.steps: dict[str, StepCall] = {}
        """What `step` has run in this attempt, by name; agents have no use for it."""
        self._note: Note | None = None

    @property
    def idempotency_key(self) -> str:
        """The same text whenever this turn runs again, also in a later life of its case: hand it to whatever must not
        happen twice."""
        return self._key or f"{self.workflow}/{self.case_id}/{self.epoch}/{self.version}/{self.agent}"

    def fail(self, reason: Q, detail: str, /, **evidence: JsonValue) -> Failure[Q]:
        """A failure to return or raise: a declared reason, a sentence for people, evidence for machines."""
        return Failure(reason, detail, evidence, self.agent)

    def note(self, justification: str, /, *, tokens: int = 0, **evidence: JsonValue) -> None:
        """Write down why this turn went well. Several notes add up; the last justification stays."""
        note = self._note
        if note is None:
            note = self._note = Note()
        note.justification = justification
        note.tokens += tokens
        note.evidence.update(evidence)

    @property
    def noted(self) -> Note | None:
        """What `note` wrote, if anything."""
        return self._note

    @property
    def queued_ms(self) -> float:
        """How long this attempt has queued for a dependency; that is no part of its time budget."""
        return self.clock.queued_ms if self.clock is not None else 0.0

    def calling(self, dependency: str, /) -> calling:
        """Around a call to a named dependency: exceptions that mean "it is down" become the failure `model_down`.

        `async with turn.calling("ledger"):`, or plain `with` in a blocking agent. The dependency's rate is waited for,
        which costs the turn's budget nothing. While its circuit is open (so many failures in a row, of all turns of
        this process) there is no call: the turn fails with `model_down` at once, or, where the agent says
        `when_open="pause"`, it waits too.
        """
        return self._reach().calling(self, dependency)

    async def earlier(self, contract: type[C], /) -> C:
        """Newest version of this case that says `contract`. LookupError when the case has none."""
        return await self._reach().earlier(self, contract)

    async def step(self, name: str, fn: Callable[P, Coroutine[Any, Any, T]], *a: P.args, **k: P.kwargs) -> T:
        """Run `await fn(*a, **k)` once for this turn: its result is remembered (in Postgres, until the case has its
        outcome), so that neither a crash nor a retry runs it again. A crash inside it, or before the result is written,
        does: give what it changes outside `turn.idempotency_key`.

        `fn` returns what JSON holds, or what its return annotation rebuilds from JSON: contracts, pydantic models,
        dataclasses; 256 KiB at most. A Failure that it returns or raises is passed on and not remembered. Steps of one
        turn may run at the same time; each has a name of its own.

        Fails with `model_down` while Postgres does not answer; a result that cannot be remembered is an `agent_fault`.
        """
        return await self._reach().step(self, name, fn, a, k)

    def _reach(self) -> Surroundings:
        if self._surroundings is None:
            raise RuntimeError("this turn stands alone: give it `surroundings` (see misstep.testing.turn)")
        return self._surroundings
