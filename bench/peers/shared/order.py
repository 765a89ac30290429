"""What the saga's peers pass from step to step: an order on its way, checked at every hand-off."""

from decimal import Decimal

from pydantic import BaseModel, Field


class Order(BaseModel):
    """An order as it comes in."""

    number: int = Field(ge=0)
    kind: str
    amount: Decimal = Field(gt=0)


class Reserved(Order):
    """Goods are put aside."""

    reservation: str


class Priced(Reserved):
    """The price is known."""

    price: Decimal = Field(gt=0)


class Paid(Priced):
    """The money is there."""

    payment: str


class Shipped(Paid):
    """The parcel is on its way."""

    parcel: str


class Told(Shipped):
    """The customer knows."""

    letter: str


class Refused(Exception):
    """The carrier does not take the parcel: for good, so what was done is taken back."""


class Unreachable(Exception):
    """A price that could not be asked for just now."""
