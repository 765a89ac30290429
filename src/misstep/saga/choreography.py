"""The score of one workflow: its start contract, its agents, where their failures go, its budgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, Concatenate, Generic, Never, ParamSpec, TypeVar, overload

from misstep.agents.agent import Agent
from misstep.agents.duration import duration_ms
from misstep.agents.failure import Failure
from misstep.agents.route import Retry, RetryLink, Route, ToLink, retry
from misstep.agents.undo import Undo
from misstep.agents.valve import valve_of
from misstep.contracts import Contract
from misstep.contracts.failure import REASONS, well_formed
from misstep.errors import UsageError
from misstep.saga.declared_at import declared_at
from misstep.saga.row import Compensation, Row

In = TypeVar("In")
Res = TypeVar("Res")
Out = TypeVar("Out", bound=Contract)
P = ParamSpec("P")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
UNDO_TRIES = retry(5, first="200ms", cap="10s")


class Choreography:
    """A workflow: `invoice = Choreography("invoice", starts=Receipt, deadline="60s", handoffs=3)`, then its rows."""

    def __init__(
        self,
        name: str,
        /,
        *,
        starts: type[Contract],
        deadline: str | timedelta,
        handoffs: int = 3,
        otherwise: Mapping[str, Route[object, Never]] | None = None,
        examples: str = "",
    ) -> None:
        """Begin a score.

        name: part of every topic of the workflow. starts: what producers publish. deadline: time budget of a case
        ("60s"). handoffs: how often a case may be handed over by `to`. otherwise: routes, by reason, of every row that
        does not say its own. examples: a file of cases to try the score with, JSON lines (also .gz), by its path from
        the project's root: `misstep matrix cover` walks the matrix over them.

        Raises UsageError for a name, deadline or number that is none.
        """
        where = declared_at()
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{where}: a workflow's name is lower case letters, digits and _, 64 at most; {name!r} is not."
            )
        if not (isinstance(starts, type) and issubclass(starts, Contract)):
            raise UsageError(
                f"{where}: workflow {name}: starts={starts!r} is no Contract; name the one producers send."
            )
        if isinstance(handoffs, bool) or not isinstance(handoffs, int) or handoffs < 0:
            raise UsageError(
                f"{where}: workflow {name}: handoffs={handoffs!r} is not a number of hand-offs, 0 or more."
            )
        self.name = name
        self.starts = starts
        self.deadline_ms = duration_ms(deadline, what=f"{where}: workflow {name}: deadline")
        self.handoffs = handoffs
        self.examples = examples
        self.otherwise: Mapping[str, Route[object, Never]] = dict(otherwise or {})
        self.where = where
        self.rows: dict[str, Row] = {}
        """By agent's name, in the order of declaration."""
        self.undos: dict[str, Compensation] = {}
        """By the name of the agent whose step it takes back."""
        for reason, route in self.otherwise.items():
            _check_cell(f"{where}: workflow {name}: otherwise[{reason!r}]", reason, route)

    def on(
        self,
        agent: Agent[In, Res],
        /,
        *,
        standby: bool = False,
        waive: str = "",
        fork: str = "",
        valve: str = "",
        schema_invalid: Route[In, Res] | None = None,
        compliance_fail: Route[In, Res] | None = None,
        latency_blow: Route[In, Res] | None = None,
        rubric_fail: Route[In, Res] | None = None,
        handoff_exhausted: Route[In, Res] | None = None,
        model_down: Route[In, Res] | None = None,
        invariant_broken: Route[In, Res] | None = None,
        authority_breach: Route[In, Res] | None = None,
        agent_fault: Route[In, Res] | None = None,
        own: Mapping[str, Route[In, Res]] | None = None,
    ) -> None:
        """Give an agent its row: it is in the workflow, and each of its failure reasons has a route.

        standby: it hears only what is routed to it. waive: why it may have no failure of its own, or escalate every
        one. fork: name of the fork that it is a branch of, when another agent accepts the same contract. valve: when it
        stands still by itself: "50% of 100" is when more than 50 of the last 100 turns in a worker were dead letters;
        then no more than 100 run at once. own: routes of the workflow's own reasons.

        Raises UsageError for a second row of the same agent, a cell that is no route, or a valve that is none.
        """
        where = declared_at()
        if not isinstance(agent, Agent):
            raise UsageError(
                f"{where}: workflow {self.name}: {agent!r} is no agent; give on() the function under @agent."
            )
        what = f"{where}: workflow {self.name}, agent {agent.name}"
        if agent.name in self.rows:
            raise UsageError(
                f"{what}: it has a row already, at {self.rows[agent.name].where}; one agent has one row in a score."
            )
        table = {
            "schema_invalid": schema_invalid,
            "compliance_fail": compliance_fail,
            "latency_blow": latency_blow,
            "rubric_fail": rubric_fail,
            "handoff_exhausted": handoff_exhausted,
            "model_down": model_down,
            "invariant_broken": invariant_broken,
            "authority_breach": authority_breach,
            "agent_fault": agent_fault,
        }
        routes: dict[str, Route[Any, Any]] = {name: route for name, route in table.items() if route is not None}
        for reason, route in (own or {}).items():
            if reason in REASONS:
                raise UsageError(f"{what}: {reason!r} is one of Misstep's own reasons; write it as a keyword of on().")
            routes[reason] = route
        for reason, route in routes.items():
            _check_cell(f"{what}, {reason}", reason, route)
            if any(isinstance(link, ToLink) and link.agent is agent for link in route.links):
                raise UsageError(f"{what}, {reason}: it hands over to itself; write retry(...) instead.")
        trips = valve_of(valve, what=what) if valve else None
        self.rows[agent.name] = Row(agent, standby, waive.strip(), fork.strip(), routes, where, trips)

    @overload
    def undo(self, agent: Agent[In, Out | Failure[Any]], /, *, tries: Retry = UNDO_TRIES) -> _Undo[In, Out]: ...
    @overload
    def undo(self, agent: Agent[In, Out], /, *, tries: Retry = UNDO_TRIES) -> _Undo[In, Out]: ...
    def undo(self, agent: Agent[Any, Any], /, *, tries: Retry = UNDO_TRIES) -> _Undo[Any, Any]:
        """Declare how an agent's step is taken back: a decorator of `async def reverse(undo: Undo[In, Out], ...)`.

        It has the agent's time budget for each attempt. tries: how often it is attempted before the step is left as it
        is, with the reason `undo_failed`.

        Raises UsageError for a second undo of the same agent.
        """
        where = declared_at()
        if not isinstance(agent, Agent):
            raise UsageError(f"{where}: workflow {self.name}: undo({agent!r}): give it the function under @agent.")
        if agent.name in self.undos:
            raise UsageError(
                f"{where}: workflow {self.name}: {agent.name} has an undo already, at {self.undos[agent.name].where}."
            )
        link = tries.links[0] if isinstance(tries, Retry) and len(tries.links) == 1 else None
        if not isinstance(link, RetryLink):
            raise UsageError(f"{where}: workflow {self.name}: undo({agent.name}, tries={tries!r}): write retry(5).")
        return _Undo(self, agent, link, where)

    def __repr__(self) -> str:
        return f"<choreography {self.name}: {', '.join(self.rows)}>"


class _Undo(Generic[In, Out]):
    def __init__(self, choreography: Choreography, agent: Agent[In, Any], tries: RetryLink, where: str) -> None:
        self._choreography = choreography
        self._agent = agent
        self._tries = tries
        self._where = where

    def __call__(
        self, function: Callable[Concatenate[Undo[In, Out], P], Coroutine[Any, Any, Contract | None]], /
    ) -> Callable[Concatenate[Undo[In, Out], P], Coroutine[Any, Any, Contract | None]]:
        self._choreography.undos[self._agent.name] = Compensation(self._agent, function, self._tries, self._where)
        return function


def _check_cell(what: str, reason: str, route: object) -> None:
    if not isinstance(reason, str) or not well_formed(reason):
        raise UsageError(f"{what}: {reason!r} cannot be a reason; use lower-case letters, digits and _, 48 at most.")
    if reason == "ok":
        raise UsageError(f"{what}: ok is no failure, so it has no route; leave it out.")
    if not isinstance(route, Route):
        raise UsageError(
            f"{what}: {route!r} is no route; write retry, to, degrade, compensate, dead_letter or escalate."
        )
    if not route.links:
        raise UsageError(f"{what}: the route is empty; write retry, to, degrade, compensate, dead_letter or escalate.")
