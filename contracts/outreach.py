"""What is said about a road-traffic fine that may be written about, from the register's events to the letter."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from misstep import Contract

Euros = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2, description="Euros.")]
FineId = Annotated[str, Field(min_length=1, max_length=100, description="The fine's own number in the register.")]
Code = Annotated[str, Field(max_length=40, coerce_numbers_to_str=True)]
AsOf = Annotated[dt.date, Field(description="The day on which the file is looked at, and a letter would be dated.")]


class Part(BaseModel):
    """A piece of a contract: immutable, and what it does not know it ignores."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)


class FineEvent(Part):
    """One entry of the register. Which of the fields it has depends on the activity; XES names are what travels."""

    activity: str = Field(alias="concept:name", min_length=1, max_length=100, description="What was done.")
    at: AwareDatetime = Field(alias="time:timestamp", description="When; the register knows days, at local midnight.")
    amount: Decimal | None = Field(
        default=None, ge=0, description="Create Fine, Add penalty: what is asked from now on."
    )
    expense: Decimal | None = Field(default=None, ge=0, description="Send Fine: postage and costs, asked on top.")
    payment: Decimal | None = Field(
        default=None, alias="paymentAmount", ge=0, description="Payment: the sum that came."
    )
    paid_in_all: Decimal | None = Field(
        default=None, alias="totalPaymentAmount", ge=0, description="Payment: the register's own running total."
    )
    dismissal: Code | None = Field(default=None, description="NIL: not dismissed; any other code: dismissed.")
    article: Code | None = Field(default=None, description="Create Fine: article of the road code that was broken.")
    vehicle: Code | None = Field(default=None, alias="vehicleClass", description="Create Fine: class of the vehicle.")
    points: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Create Fine: points off the licence.")


class Fine(Contract, name="outreach.fine", version="1.0"):
    """A fine as the register has it, from its creation to where it stands."""

    fine_id: FineId
    events: tuple[FineEvent, ...] = Field(min_length=1, description="In any order.")
    as_of: AsOf | None = Field(
        default=None, description="Null: when its file comes up again, 90 days after the last event; today, if sooner."
    )


class Installment(Part):
    """A payment that came."""

    on: dt.date
    amount: Euros


class Docket(Contract, name="outreach.docket", version="1.0"):
    """What the register's events come to: who did what when, and what is owed."""

    fine_id: FineId
    as_of: AsOf
    article: str = Field(description="Article of the road code; empty: the register does not say.")
    created_on: dt.date
    sent_on: dt.date | None = Field(default=None, description="Null: the fine was not sent yet.")
    served_on: dt.date | None = Field(default=None, description="Null: no proof that it arrived.")
    penalty_on: dt.date | None = Field(default=None, description="When the sum was raised because nobody paid in time.")
    appealed_on: dt.date | None = Field(default=None, description="The first step of an appeal.")
    collected_on: dt.date | None = Field(default=None, description="When it was handed to credit collection.")
    dismissal: str | None = Field(default=None, description="The register's code, when it marks the fine as dismissed.")
    fined: Euros = Field(description="The fine as it was made out.")
    amount: Euros = Field(description="The fine as it stands, with the penalty if there is one.")
    costs: Euros = Field(description="Postage and costs on top.")
    payments: tuple[Installment, ...] = ()
    paid: Euros = Field(description="What came in, by the register's own total.")

    @property
    def owed(self) -> Decimal:
        """What is still owed; negative when more was paid than asked."""
        return self.amount + self.costs - self.paid


class Consistent(Docket):
    """A docket whose own figures and days agree; a stricter reading of the same contract."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        came = sum((payment.amount for payment in self.payments), Decimal())
        if came != self.paid:
            raise ValueError(f"the payments come to {came}, the register's total is {self.paid}")
        if self.created_on > self.as_of:
            raise ValueError(f"it is looked at on {self.as_of}, before the fine was made on {self.created_on}")
        for what, day in (("sent", self.sent_on), ("served", self.served_on), ("raised", self.penalty_on)):
            if day is not None and day < self.created_on:
                raise ValueError(f"it was {what} on {day}, before it was made on {self.created_on}")
        return self


class Brief(Part):
    """All that a letter may say: facts and law, cleared."""

    fine_id: FineId
    offence: str = Field(description="What was done, in words.")
    basis: str = Field(description="The law by which the sum is owed, as a letter cites it.")
    fined_on: dt.date
    penalty_on: dt.date | None = None
    amount: Euros
    costs: Euros
    paid: Euros
    owed: Euros
    dated: dt.date = Field(description="The letter's date.")
    pay_by: dt.date = Field(description="The day by which payment is asked for.")


class Cleared(Contract, name="outreach.cleared", version="1.0"):
    """A fine about which a letter may be written."""

    brief: Brief
    rules: tuple[str, ...] = Field(description="The rules that were looked at, none of which forbids it.")


class Letter(Part):
    """A letter to the person who was fined."""

    subject: str = Field(min_length=5, max_length=150, description="One line.")
    body: str = Field(min_length=20, max_length=5_000, description="The letter, without address and signature.")


class Draft(Contract, name="outreach.draft", version="1.0"):
    """A letter that nobody has looked at."""

    brief: Brief
    letter: Letter
    drafted_by: Literal["drafter_primary", "drafter_fallback"]
    model: str = Field(description="The model that wrote it.")
    prompt: str = Field(description="Which of the agent's prompts it was given.")


class Approved(Contract, name="outreach.approved", version="1.0"):
    """A letter that may go out: the last word on a fine that was written about."""

    fine_id: FineId
    dated: dt.date
    pay_by: dt.date
    owed: Euros
    letter: Letter
    score: Annotated[float, Field(ge=0, le=1)] = Field(description="By the rubric, all criteria weighed.")
    drafted_by: str
    model: str


class Handover(Contract, name="outreach.handover", version="1.0"):
    """A case prepared for the person who decides it."""

    fine_id: str = Field(description="Empty: it cannot be read.")
    agent: str = Field(description="Who could not go on.")
    reason: str
    question: str = Field(description="What the person has to decide, in one sentence.")
    summary: tuple[str, ...] = Field(description="What is known, a line a thing.")
    suggestions: tuple[str, ...] = Field(default=(), description="What could be done, likeliest first.")
