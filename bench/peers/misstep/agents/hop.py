"""The agent that is measured, and one that hears it and is hosted by nobody: one hop, not the end of a case."""

from rooms.contracts.loan import Checked, Loan, Settled

from misstep import Turn, agent


@agent(budget="2s", owner="bench")
def check(turn: Turn[Loan]) -> Checked:
    """As little as an agent can do."""
    loan = turn.payload
    return Checked(
        application_id=loan.application_id,
        registered_at=loan.registered_at,
        amount_requested=loan.amount_requested,
        outcome=loan.outcome,
        activities=loan.activities,
        steps=len(loan.activities),
    )


@agent(budget="2s", owner="bench")
def rest(turn: Turn[Checked]) -> Settled:
    """What would come next."""
    return Settled(application_id=turn.payload.application_id)
