"""The score of `credit`: three sides of an application meet in a decision; an offer that comes to nothing is undone."""

from rooms.agents.credit import (
    affordability,
    decide,
    offer,
    open_application,
    register,
    risk,
    score,
    score_standby,
    unknown_risk,
)
from rooms.agents.credit_funds import Funds
from rooms.agents.credit_register import CreditRegister
from rooms.contracts.credit import Application, Granted, Offered, Registered, Released, Withdrawn

from misstep import Choreography, Undo, compensate, dead_letter, degrade, escalate, retry, to

credit = Choreography("credit", starts=Application, deadline="60s", handoffs=2, examples="examples/loans.jsonl.gz")

credit.on(
    open_application,
    invariant_broken=dead_letter,  # a file that contradicts itself is mended at its source, then sent again
    compliance_fail=escalate,
)
credit.on(
    score,
    fork="assessment",
    rubric_fail=to(score_standby),
    model_down=retry(2, first="100ms") | to(score_standby),
    latency_blow=to(score_standby),
)
credit.on(
    score_standby,
    standby=True,
    waive="the last who can rate: what it does not rate, a person has to",
    rubric_fail=escalate,
)
credit.on(
    affordability,
    fork="assessment",
    waive="without papers nobody but a person can believe in them",
    rubric_fail=escalate,
)
credit.on(
    risk,
    fork="assessment",
    compliance_fail=escalate,
    latency_blow=degrade(unknown_risk),  # not critical: the decision asks for more points instead
)
credit.on(
    decide,
    rubric_fail=escalate,
    invariant_broken=dead_letter,
)
credit.on(
    offer,  # its key makes a second try safe even where the first one did reserve
    model_down=retry(2, first="200ms") | compensate,
    latency_blow=retry(2, first="200ms") | compensate,
    invariant_broken=escalate,
)
credit.on(
    register,
    model_down=retry(2, first="200ms") | compensate,
    latency_blow=retry(2, first="200ms") | compensate,
    compliance_fail=compensate,
)


@credit.undo(offer)
async def release_funds(undo: Undo[Granted, Offered], funds: Funds) -> Released | None:
    """Gives the money back; None when none was put aside."""
    number = await funds.release(undo.idempotency_key)
    return None if number is None else Released(reservation_id=number)


@credit.undo(register)
async def withdraw_entry(undo: Undo[Offered, Registered], entries: CreditRegister) -> Withdrawn | None:
    """Takes the entry out; None when nothing was entered."""
    number = await entries.withdraw(undo.idempotency_key)
    return None if number is None else Withdrawn(entry_id=number)
