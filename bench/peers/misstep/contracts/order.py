"""What the saga passes from agent to agent: an order on its way."""

from decimal import Decimal

from pydantic import Field

from misstep import Contract


class Order(Contract, name="race.order", version="1.0"):
    """An order as it comes in."""

    number: int = Field(ge=0)
    kind: str
    amount: Decimal = Field(gt=0)


class Reserved(Order, name="race.reserved", version="1.0"):
    """Goods are put aside."""

    reservation: str


class Priced(Reserved, name="race.priced", version="1.0"):
    """The price is known."""

    price: Decimal = Field(gt=0)


class Paid(Priced, name="race.paid", version="1.0"):
    """The money is there."""

    payment: str


class Shipped(Paid, name="race.shipped", version="1.0"):
    """The parcel is on its way."""

    parcel: str


class Told(Shipped, name="race.told", version="1.0"):
    """The customer knows."""

    letter: str
