"""What is said about a loan application, from its file to the register's entry: one contract a hand-off."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from misstep import Contract

ApplicationId = Annotated[str, Field(min_length=1, max_length=100, description="The bank's own number.")]
Euros = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2, description="Euros.")]
Points = Annotated[int, Field(ge=300, le=850, description="More is better.")]
Percent = Annotated[Decimal, Field(ge=0, le=100, max_digits=5, decimal_places=2, description="Percent a year.")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Entry = Annotated[
    tuple[AwareDatetime, Name, Name, Annotated[str | None, Field(max_length=100)]],
    Field(description="When, what (A_: the application, O_: an offer, W_: work on it), how far it is, by whom."),
]


class Part(BaseModel):
    """A piece of a contract: immutable, and what it does not know it ignores."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Application(Contract, name="credit.application", version="1.0"):
    """A loan application with all that happened to it. What else a line of the file says (`outcome`) is not read."""

    application_id: ApplicationId
    registered_at: AwareDatetime
    amount_requested: Euros
    activities: tuple[Entry, ...] = Field(min_length=1, description="In any order.")


class File(Part):
    """What the bank knew of an application at the moment before anybody decided it: counts, no decision among them."""

    application_id: ApplicationId
    amount: Euros
    entries: int = Field(ge=0, description="How many entries it has.")
    days: float = Field(ge=0, description="From its registration to the last of them.")
    people: int = Field(ge=0, description="Who worked on it.")
    preaccepted: bool
    accepted: bool = Field(description="Complete enough for an offer to be made.")
    offers: int = Field(ge=0, description="Offers sent.")
    sent_back: bool = Field(description="An offer came back signed.")
    validations: int = Field(ge=0, description="How often its papers were checked.")
    lead_calls: int = Field(ge=0, description="Calls before it was complete.")
    offer_calls: int = Field(ge=0, description="Calls after an offer.")
    paper_calls: int = Field(ge=0, description="Calls for papers that were missing.")
    fraud_checks: int = Field(ge=0, description="Entries of checks for fraud.")
    fraud_check_open: bool


class Opened(Contract, name="credit.opened", version="1.0"):
    """An application that can be looked at: its entries agree, and its sum is one that may be lent."""

    file: File


class Scored(Contract, name="credit.scored", version="1.0"):
    """How likely it is that the applicant pays back."""

    application_id: ApplicationId
    points: Points
    made_of: dict[str, int] = Field(description="What was added and taken off, by name.")
    scored_by: Literal["score", "score_standby"]


class Affordable(Contract, name="credit.affordable", version="1.0"):
    """What the applicant has shown that can be carried."""

    application_id: ApplicationId
    limit: Euros = Field(description="The largest sum; 0: nothing was shown.")
    term_months: Annotated[int, Field(ge=1, le=120)]
    stressed: Euros = Field(description="The month's instalment on the limit at the highest rate that is allowed.")


class Risked(Contract, name="credit.risked", version="1.0"):
    """What else speaks against it."""

    application_id: ApplicationId
    risk: Literal["low", "raised", "high", "unknown"]
    flags: tuple[str, ...] = ()


class Granted(Contract, name="credit.granted", version="1.0"):
    """A loan that may be offered."""

    application_id: ApplicationId
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2, description="Euros.")]
    term_months: Annotated[int, Field(ge=1, le=120)]
    rate: Percent
    points: Points
    risk: Literal["low", "raised", "unknown"]


class Declined(Contract, name="credit.declined", version="1.0"):
    """A loan that is not offered: the last word on the application."""

    application_id: ApplicationId
    points: Points
    why: tuple[str, ...] = Field(min_length=1)


class Offered(Contract, name="credit.offered", version="1.0"):
    """A loan for which the money is put aside."""

    application_id: ApplicationId
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2, description="Euros.")]
    reservation_id: str


class Released(Contract, name="credit.released", version="1.0"):
    """Money that is no longer put aside."""

    reservation_id: str


class Registered(Contract, name="credit.registered", version="1.0"):
    """A loan that stands in the credit register: the last word on an application that went well."""

    application_id: ApplicationId
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2, description="Euros.")]
    reservation_id: str
    entry_id: str


class Withdrawn(Contract, name="credit.withdrawn", version="1.0"):
    """An entry of the credit register that was taken out."""

    entry_id: str
