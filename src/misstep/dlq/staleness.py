"""Whether a redrive plan still says the truth: contracts, repair and score are those that it was made with."""

from __future__ import annotations

from misstep.agents.plan import Plan
from misstep.dlq.accepted import accepted_sha
from misstep.dlq.room import DeadLetters
from misstep.store.redrive_plans import StoredPlan


def stale(stored: StoredPlan, plan: Plan, room: DeadLetters, namespace: str) -> str:
    """Why a plan no longer says the truth; empty when it does."""
    again = "make a new one with `misstep redrive plan`"
    if stored.namespace != namespace:
        return (
            f"Plan {stored.id} is of namespace {stored.namespace}, and this is {namespace}; set MISSTEP_NAMESPACE or "
            "--namespace."
        )
    if stored.repair is not None:
        repair = room.repairs.get(stored.repair)
        if repair is None:
            return f"Plan {stored.id} uses the repair {stored.repair}, which dlq/ no longer has; {again}."
        if repair.sha256 != stored.repair_sha:
            return f"The repair {stored.repair} has changed since plan {stored.id} was made; {again}."
    for name, sha in stored.contracts.items():
        agent = plan.agents.get(name)
        if agent is None:
            return f"{name}, to which plan {stored.id} sends, is no longer in the score of {plan.workflow}; {again}."
        if accepted_sha(agent) != sha:
            return f"What {name} accepts has changed since plan {stored.id} was made; {again}."
    if stored.score != plan.score_hash:
        return f"The score of {plan.workflow} has changed since plan {stored.id} was made; {again}."
    return ""
