"""Contracts that the tests declare: a real loan, and one field of every kind."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, NotRequired

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, NaiveDatetime
from typing_extensions import TypedDict

from misstep.contracts import Contract


class Loan(Contract, name="loan.application", version="1.0"):
    """A loan application as the bank recorded it."""

    application_id: str
    registered_at: AwareDatetime
    amount_requested: float = Field(ge=0)
    outcome: str
    activities: list[tuple[AwareDatetime, str, str, str | None]]


class AvroLoan(Loan, name="loan.application_in_avro", version="1.0", encoding="avro"):
    """The same in Avro."""


class Extracted(Contract, name="invoice.extracted", version="1.1"):
    """What was read off a receipt."""

    total: Decimal = Field(gt=0, description="Grand total, in the receipt's currency.")
    confidence: float = Field(ge=0, le=1)
    date: datetime.date | None = None


class Trusted(Extracted):
    """Good enough to be booked."""

    confidence: float = Field(ge=0.7, le=1)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.Enum):
    SMALL = "not big"
    LARGE = "not small"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(BaseModel):
    x: int = Field(ge=-(2**63), lt=2**63)
    y: Decimal


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: Decimal = Field(max_digits=12, decimal_places=3)


class Square(BaseModel):
    kind: Literal["square"] = "square"
    radius: Decimal = Field(max_digits=12, decimal_places=3)


@dataclass
class Span:
    begin: datetime.date
    end: datetime.date | None = None


class Extra(TypedDict):
    always: int
    sometimes: NotRequired[str]


Long = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Everything(Contract):
    text: str
    number: Long
    ratio: float
    flag: bool
    raw: bytes
    amount: Decimal
    price: Decimal = Field(max_digits=20, decimal_places=4)
    day: datetime.date
    moment: datetime.datetime
    aware: AwareDatetime
    naive: NaiveDatetime
    hour: datetime.time
    length: datetime.timedelta
    ident: uuid.UUID
    colour: Colour
    size: Size
    level: Level
    word: Literal["yes", "no"]
    mixed: Literal["one", 2, None]
    point: Point
    points: list[Point]
    maybe: Point | None
    maybe_text: str | None = None
    pair: tuple[Long, str]
    triple: tuple[datetime.date, bytes, Decimal]
    names: frozenset[str]
    by_name: dict[str, Point]
    by_number: dict[Long, float]
    free: JsonValue
    frees: dict[str, JsonValue]
    either: Long | str
    number_or_day: Long | datetime.date
    lists: list[Long] | dict[str, Long]
    shape: Annotated[Circle | Square, Field(discriminator="kind")]
    any_shape: list[Circle | Square | Point | None]
    span: Span
    extra: Extra
    odd_name: str = Field(alias="concept:name")
    name: str = "a field may be called name"
    version: Long = 7


class Everything(_Everything, name="tests.everything", version="1.0"):
    """One field of every kind, as JSON."""


class AvroEverything(_Everything, name="tests.everything_in_avro", version="1.0", encoding="avro"):
    """One field of every kind, as Avro."""


class Tree(Contract, name="tests.tree", version="1.0", encoding="avro"):
    """A contract that contains itself."""

    label: str
    children: list[Tree] = Field(default_factory=list)
    left: Tree | None = None
