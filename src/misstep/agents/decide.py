"""What a failure comes to: a plain function from what is known to what happens next."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from misstep.agents.plan import WHEN_SPENT, AgentPlan
from misstep.agents.route import DegradeLink, EndingLink, RetryLink, ToLink
from misstep.contracts import Contract
from misstep.contracts.event import Step

AGENT_FAULT = "agent_fault"


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same turn, after a wait."""

    wait_ms: int
    counts: bool = True
    """False: what went before was no attempt."""


@dataclass(frozen=True, slots=True)
class HandTo:
    """Another agent takes over."""

    agent: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """The case goes on with a neutral default."""

    link: DegradeLink


@dataclass(frozen=True, slots=True)
class Finish:
    """The case leaves the happy path: `dead_letter`, `escalate` or `compensate`."""

    kind: str


Decision = TryAgain | HandTo | GoOn | Finish


def decide(
    plan: AgentPlan,
    reason: str,
    *,
    tries: Sequence[tuple[str, int]],
    steps: Sequence[Step],
    handoffs_left: int,
    time_left_ms: int,
    seed: str,
    retry_after_ms: int = 0,
    ran: bool = True,
) -> tuple[str, Decision]:
    """The reason that the failure ends up with, and what happens next.

    tries: the attempts of this turn before this one, [reason, waited ms]. steps: the case's history. time_left_ms:
    until the case's deadline; once it is over only an ending is left. seed: makes the jitter; the same turn always
    waits the same. retry_after_ms: a wait that a dependency asked for. ran: False when the input could not be worked
    on: the same bytes would be read in the same way again, and there is no turn that a default could be made from.
    """
    chain = plan.chains.get(reason)
    if chain is None:  # a reason that was never declared is a bug of the agent
        reason = AGENT_FAULT
        chain = plan.chains[AGENT_FAULT]
    attempts = 1 + sum(1 for tried, _ in tries if tried == reason)
    handed_over = sum(1 for agent, _, _, _, failed in steps if agent == plan.name and failed == reason)
    out_of_handoffs = False
    for link in chain.links:
        if isinstance(link, EndingLink):
            return reason, Finish(link.kind)
        if time_left_ms <= 0:
            continue
        if isinstance(link, RetryLink):
            if ran and attempts < link.attempts:
                wait_ms = max(backoff_ms(link, attempts, seed), retry_after_ms)
                if wait_ms < time_left_ms:
                    return reason, TryAgain(wait_ms)
            attempts -= link.attempts - 1
        elif isinstance(link, ToLink):
            if link.times is not None and handed_over >= link.times:
                handed_over -= link.times
                out_of_handoffs = True
            elif handoffs_left <= 0:
                out_of_handoffs = True
            else:
                return reason, HandTo(link.agent.name)
        elif ran or isinstance(link.value, Contract):
            return reason, GoOn(link)
    if out_of_handoffs and reason != WHEN_SPENT:
        return decide(
            plan,
            WHEN_SPENT,
            tries=tries,
            steps=steps,
            handoffs_left=handoffs_left,
            time_left_ms=time_left_ms,
            seed=seed,
            ran=ran,
        )
    return reason, Finish(chain.ending)


def backoff_ms(link: RetryLink, attempt: int, seed: str) -> int:
    """Wait after the `attempt`-th failure: first, 2 x first, 4 x first ... up to the cap, less up to a half of it.

    The jitter is drawn from the seed (case, agent and attempt), so it spreads cases apart, and a rehearsal of the same
    turn waits exactly as long as the worker does.
    """
    full = min(link.cap_ms, link.first_ms << min(attempt - 1, 30))
    drawn = int.from_bytes(hashlib.blake2b(f"{seed}/{attempt}".encode(), digest_size=4).digest(), "big")
    return full - (full // 2) * drawn // 0xFFFFFFFF
