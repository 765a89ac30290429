"""The hop's contracts: a loan application, and the same after a check."""

from decimal import Decimal

from misstep import Contract


class Loan(Contract, name="race.loan", version="1.0"):
    """A loan application as it was registered."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]


class Checked(Contract, name="race.checked", version="1.0"):
    """The same application after a check."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]
    steps: int


class Settled(Contract, name="race.settled", version="1.0"):
    """Where the cases would go next."""

    application_id: str
