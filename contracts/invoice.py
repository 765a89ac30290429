"""What is said about an invoice, from the scanned receipt to the supplier's note: one contract a hand-off."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict

from misstep import Contract

Pixels = Annotated[float, Strict(), Field(description="Pixels on the scan; OCR engines give fractions and negatives.")]
Figure = Annotated[Decimal, Field(description="A sum as printed, in the receipt's currency.")]
Money = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
Total = Annotated[
    Decimal, Field(gt=0, max_digits=12, decimal_places=2, description="Grand total, in the receipt's currency.")
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")]
Share = Annotated[float, Field(ge=0, le=1)]
Company = Annotated[str | None, Field(max_length=500, description="The shop, as its receipt prints it.")]
PurchasedOn = Annotated[dt.date | None, Field(description="Day of purchase; null when none could be read.")]
ReceiptId = Annotated[str, Field(min_length=1, max_length=200, description="The scan's own id.")]
Method = Annotated[
    Literal["primary", "consensus"],
    Field(description="primary: the total by its row's words; consensus: by agreement among the sums."),
]


class Part(BaseModel):
    """A piece of a contract: immutable, and what it does not know it ignores."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class TextBox(Part):
    """One run of text as an OCR read it off the scan, noise included."""

    x: Pixels
    y: Pixels
    w: Pixels
    h: Pixels
    text: str = Field(description="What the OCR read; may be empty, may be nonsense.")


class Receipt(Contract, name="invoice.receipt", version="1.0"):
    """A scanned receipt, as producers publish it. Whatever else a line of the file says (`truth`) is not read."""

    receipt_id: ReceiptId
    lines: tuple[TextBox, ...] = Field(description="Boxes of text in any order; none on a blank scan.")


class StatedFigures(Part):
    """The sums beside the total; null where the receipt does not state one or it cannot be read."""

    subtotal: Figure | None = None
    tax: Figure | None = None
    discount: Figure | None = Field(default=None, description="As a positive sum taken off.")
    service: Figure | None = None
    rounding: Figure | None = Field(default=None, description="Signed as printed: -0.02 makes the total smaller.")
    cash: Figure | None = Field(default=None, description="What was handed over or charged to a card.")
    change: Figure | None = None
    taxed: Figure | None = Field(default=None, description="What the tax was reckoned on, by the table at the foot.")
    parts: tuple[Figure, ...] = Field(default=(), description="Totals of a part only, each once.")
    items: tuple[Figure, ...] = Field(default=(), description="Amounts of the lines above the first total.")


class SecondReading(Part):
    """What the other method made of the same receipt."""

    method: Method
    total: Figure | None = Field(default=None, description="Null: it found none.")
    confidence: Share = Field(description="How likely its total is right, by what that method alone can see.")


class Extracted(Contract, name="invoice.extracted", version="1.0"):
    """What was read off a receipt, by whom, and how sure of it the reader is."""

    receipt_id: ReceiptId
    method: Method
    company: Company = None
    purchased_on: PurchasedOn = None
    total: Total
    currency: Currency
    confidence: Share = Field(description="How likely the total is right, by what this method alone can see.")
    figures: StatedFigures = Field(default=StatedFigures(), description="What the total can be checked against.")
    second: SecondReading | None = Field(default=None, description="Null: the other method was not asked, or is slow.")


TRUSTED_FROM = 0.6
"""Confidence below which a reading is not worth checking: `extract` hands over, its fallback gives up."""


class Trusted(Extracted):
    """An extraction that its reader stands by; a stricter reading of the same contract."""

    confidence: float = Field(ge=TRUSTED_FROM, le=1)


class Validated(Contract, name="invoice.validated", version="1.0"):
    """A total that the receipt's own arithmetic bears out, so that it can be posted without a person."""

    receipt_id: ReceiptId
    company: Company = None
    purchased_on: PurchasedOn = None
    total: Total
    tax: Money | None = Field(
        default=None, description="Tax within the total, only where the receipt's table of taxes proves it."
    )
    currency: Currency
    method: Method
    trust: Share = Field(description="How likely the total is right, all findings weighed.")
    findings: tuple[str, ...] = Field(description="What the trust rests on.")


class OrderSuggestion(Part):
    """A purchase order that may be the one."""

    order_number: str
    supplier: str
    alike: Share = Field(description="How alike its supplier's name and the receipt's are.")
    why_not: str = Field(description="Why it was not simply taken.")


class Matched(Contract, name="invoice.matched", version="1.0"):
    """A validated total with the purchase order that it falls under, or with the likeliest ones."""

    receipt_id: ReceiptId
    company: Company = None
    purchased_on: PurchasedOn = None
    total: Total
    tax: Money | None = Field(default=None, description="Tax within the total, where it is proven.")
    currency: Currency
    order_number: str | None = Field(default=None, description="Null: no order covers it, or the register was down.")
    suggestions: tuple[OrderSuggestion, ...] = Field(
        default=(), description="Orders that may cover it, likeliest first; empty where one was matched."
    )


class Posted(Contract, name="invoice.posted", version="1.0"):
    """An entry that is booked: debits and credits come to zero."""

    receipt_id: ReceiptId
    entry_id: str = Field(description="The entry's number in the ledger.")
    company: Company = None
    purchased_on: PurchasedOn = None
    total: Total
    currency: Currency
    order_number: str | None = None


class Reversed(Contract, name="invoice.reversed", version="1.0"):
    """A booked entry that another entry has cancelled; a ledger is never edited."""

    entry_id: str = Field(description="The entry that was cancelled.")
    reversing_entry_id: str = Field(description="The entry that cancels it.")


class Remitted(Contract, name="invoice.remitted", version="1.0"):
    """The supplier's note is written: the last word on an invoice that went well."""

    receipt_id: ReceiptId
    entry_id: str
    note_id: str = Field(description="The note's number.")
    supplier: Company = None
    total: Total
    currency: Currency
