"""What every Python contestant of the hop reads and writes: the same pydantic models."""

from decimal import Decimal

from pydantic import BaseModel


class Loan(BaseModel):
    """A loan application as it was registered."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]


class Checked(BaseModel):
    """The same application after a check."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]
    steps: int


def checked(loan: Loan) -> Checked:
    """The work of the hop: as little as a step can do."""
    return Checked(
        application_id=loan.application_id,
        registered_at=loan.registered_at,
        amount_requested=loan.amount_requested,
        outcome=loan.outcome,
        activities=loan.activities,
        steps=len(loan.activities),
    )


def checked_json(value: bytes) -> bytes:
    """The same for contestants that hand over bytes."""
    return checked(Loan.model_validate_json(value)).model_dump_json().encode()
