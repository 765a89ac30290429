"""What a turn comes to: from how an attempt went to a wait or to the records that one transaction produces.

Plain functions without I/O; the worker and `rehearse` call the same ones.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from misstep.agents.agent import Agent
from misstep.agents.calling import DependencyDown
from misstep.agents.decide import AGENT_FAULT, GoOn, HandTo, TryAgain, decide
from misstep.agents.emit import Emitter, Oversized
from misstep.agents.failure import Failure
from misstep.agents.inbound import LATENCY_BLOW, SCHEMA_INVALID, Inbound, Verdict
from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.step import StepFault
from misstep.agents.turn import Surroundings, Turn
from misstep.contracts import Contract
from misstep.contracts.event import TO, Record

FRAMES_SHOWN = 8
FREE_WAIT_MS = 50
"""At least, before a turn comes back whose attempt was none."""


def make_turn(plan: Plan, agent: AgentPlan, inbound: Inbound, surroundings: Surroundings) -> Turn[Contract]:
    """The turn that an agent's function is given for this attempt."""
    lineage = inbound.lineage
    assert inbound.payload is not None
    return Turn(
        inbound.payload,
        case_id=lineage.case_id,
        workflow=plan.workflow,
        agent=agent.name,
        epoch=lineage.epoch,
        version=lineage.version + 1,
        attempt=len(inbound.tries) + 1,
        handoffs_left=inbound.handoffs_left,
        degraded=(lineage.degraded,) if lineage.degraded else (),
        failure=inbound.failure,
        surroundings=surroundings,
        origin=inbound,
        idempotency_key=inbound.headers.get("ce_idempotencykey", b"").decode("utf-8", "backslashreplace"),
    )


def judge_result(agent: AgentPlan, result: object, took_ms: float) -> Verdict:
    """The verdict on what an agent's function returned, `took_ms` after it began."""
    if took_ms > agent.budget_ms:
        return over_budget(agent, took_ms)
    if isinstance(result, agent.emits):
        return Verdict(output=result)
    if isinstance(result, Failure):
        return _declared(agent, result)
    expected = " or ".join(contract.__name__ for contract in agent.emits)
    return Verdict(
        reason=SCHEMA_INVALID,
        detail=f"output: {agent.name} returned {type(result).__name__}, it emits {expected}",
        evidence={"stage": "output", "returned": ascii(result)[:500]},
    )


def judge_exception(agent: AgentPlan, error: BaseException) -> Verdict:
    """The verdict on an exception that an agent's function raised. No exception crosses a turn."""
    if isinstance(error, Failure):
        return _declared(agent, error)
    for kind, reason in agent.agent.raises.items():
        if isinstance(error, kind):
            return Verdict(
                reason=reason,
                detail=f"{type(error).__name__}: {error}",
                evidence={"exception": type(error).__name__},
                retry_after_ms=_retry_after_ms(error),
            )
    if isinstance(error, ValidationError) and error.title in {contract.__name__ for contract in agent.emits}:
        fields = {
            ".".join(map(str, part["loc"])) or "(whole)": part["msg"]
            for part in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        }
        listed = "; ".join(f"{name}: {text}" for name, text in fields.items())
        return Verdict(
            reason=SCHEMA_INVALID,
            detail=f"output: {error.title} breaks its contract: {listed}",
            evidence={"stage": "output", "fields": fields},
        )
    return Verdict(
        reason=AGENT_FAULT,
        detail=f"{type(error).__name__}: {error}{_place(agent.agent, error)}",
        evidence={
            "exception": type(error).__name__,
            "traceback": _frames(error),
            **(error.evidence if isinstance(error, StepFault) else {}),
        },
    )


def over_budget(agent: AgentPlan, took_ms: float) -> Verdict:
    """The verdict on an attempt that was not done within its time budget."""
    return Verdict(
        reason=LATENCY_BLOW,
        detail=f"{agent.name} was not done within its budget of {agent.budget_ms} ms",
        evidence={"budget_ms": agent.budget_ms, "took_ms": round(took_ms)},
    )


def settle(
    agent: AgentPlan,
    emitter: Emitter,
    inbound: Inbound,
    turn: Turn[Contract] | None,
    verdict: Verdict,
    now_ms: int,
) -> TryAgain | list[Record]:
    """What the turn comes to. For a TryAgain that counts, the attempt has been added to `inbound.tries`.

    turn: the attempt's turn; None when the input was a misfit and nothing ran.
    """
    latency_ms = round(inbound.spent_ms)
    noted = turn.noted if turn is not None else None
    tokens = _tokens(inbound, turn)
    if verdict.output is not None:
        try:
            return emitter.ok(
                inbound,
                verdict.output,
                now_ms=now_ms,
                latency_ms=latency_ms,
                tokens=tokens,
                justification=noted.justification if noted else "",
                evidence=noted.evidence if noted else {},
            )
        except Oversized as error:
            verdict = Verdict(reason=SCHEMA_INVALID, detail=f"output: {error}", evidence={"stage": "output"})
    if verdict.free and turn is not None:
        wait_ms = max(FREE_WAIT_MS, verdict.retry_after_ms)
        if now_ms + wait_ms < _millis(inbound.deadline):
            return TryAgain(wait_ms, counts=False)
    if not inbound.first_failed_ms:
        inbound.first_failed_ms = now_ms
    lineage = inbound.lineage
    reason, decision = decide(
        agent,
        verdict.reason,
        tries=inbound.tries,
        steps=lineage.steps,
        handoffs_left=inbound.handoffs_left,
        time_left_ms=_millis(inbound.deadline) - now_ms,
        seed=f"{lineage.case_id}/{lineage.epoch}/{lineage.version}/{agent.name}",
        retry_after_ms=verdict.retry_after_ms,
        ran=turn is not None,
    )
    detail, evidence = verdict.detail, verdict.evidence
    if reason != verdict.reason:
        detail = f"{verdict.reason}: {detail}"
        evidence = {"first_reason": verdict.reason, **evidence}
    if isinstance(decision, TryAgain):
        inbound.tries.append((reason, decision.wait_ms))
        inbound.spent_tokens = tokens
        return decision
    if isinstance(decision, GoOn):
        return _degraded(agent, emitter, inbound, turn, decision, reason, detail, evidence, now_ms, latency_ms)
    if isinstance(decision, HandTo):
        route, handoffs_left = f"{TO}{decision.agent}", inbound.handoffs_left - 1
    else:
        route, handoffs_left = decision.kind, inbound.handoffs_left
    return emitter.failed(
        inbound,
        reason=reason,
        route=route,
        detail=detail,
        evidence=evidence,
        now_ms=now_ms,
        latency_ms=latency_ms,
        tokens=tokens,
        handoffs_left=handoffs_left,
    )


def _degraded(
    agent: AgentPlan,
    emitter: Emitter,
    inbound: Inbound,
    turn: Turn[Contract] | None,
    decision: GoOn,
    reason: str,
    detail: str,
    evidence: Mapping[str, object],
    now_ms: int,
    latency_ms: int,
) -> TryAgain | list[Record]:
    value = decision.link.value
    try:
        default = value if isinstance(value, Contract) else value(turn)  # type: ignore[arg-type]
        if not isinstance(default, agent.emits):
            raise TypeError(f"degrade gave {type(default).__name__}, which {agent.name} does not emit")
        return emitter.ok(
            inbound,
            default,
            now_ms=now_ms,
            latency_ms=latency_ms,
            tokens=_tokens(inbound, turn),
            justification="",
            evidence=evidence,
            degraded=reason,
            detail=detail,
        )
    except Exception as error:  # noqa: BLE001  # a default that cannot be made is the agent's bug, not the worker's
        fault = judge_exception(agent, error)
        fault = Verdict(reason=AGENT_FAULT, detail=f"{fault.detail}, after {reason}: {detail}", evidence=fault.evidence)
        return settle(agent, emitter, inbound, turn, fault, now_ms)


def _tokens(inbound: Inbound, turn: Turn[Contract] | None) -> int:
    """What all attempts cost, this one included, however they ended."""
    return inbound.spent_tokens + (turn.noted.tokens if turn is not None and turn.noted else 0)


def _declared(agent: AgentPlan, failure: Failure[str]) -> Verdict:
    if failure.reason in agent.agent.signature.fails or failure.reason in _ENGINE_MAY_GIVE:
        return Verdict(
            reason=failure.reason,
            detail=str(failure.detail),
            evidence=failure.evidence,
            retry_after_ms=_retry_after_ms(failure),
            free=isinstance(failure, DependencyDown) and failure.free,
        )
    return Verdict(
        reason=AGENT_FAULT,
        detail=f"{agent.name} failed with {failure.reason!r}, which its signature does not name: {failure.detail}",
        evidence={"undeclared": failure.reason, **failure.evidence},
    )


_ENGINE_MAY_GIVE = frozenset({LATENCY_BLOW, SCHEMA_INVALID})


def _retry_after_ms(error: BaseException) -> int:
    seconds = getattr(error, "retry_after", None)
    return round(seconds * 1000) if isinstance(seconds, int | float) and seconds > 0 else 0


def _place(agent: Agent[object, object], error: BaseException) -> str:
    file = agent.function.__code__.co_filename
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == file:
            return f" (at {Path(file).name}:{frame.lineno})"
    return ""


def _frames(error: BaseException) -> list[str]:
    return [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:]
    ]


def _millis(text: bytes) -> int:
    """Milliseconds since the epoch of an RFC 3339 text; far in the future when a foreign text cannot be read."""
    try:
        return round(datetime.fromisoformat(text.decode()).timestamp() * 1000)
    except ValueError:
        return 1 << 62
