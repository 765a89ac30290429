"""What is said about a parcel."""

from pydantic import Field

from misstep import Contract


class Parcel(Contract, name="parcels.parcel", version="1.0"):
    """A parcel. `script`: agent -> what it does in each of the case's lives; nothing said means it goes well."""

    number: int = Field(ge=0)
    address: str = "Main Street 1"
    script: dict[str, list[str]] = Field(default_factory=dict)


class Weighed(Contract, name="parcels.weighed", version="1.0"):
    number: int
    grams: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Light(Weighed):
    """What the carrier takes."""

    grams: int = Field(le=1_000)


class Booked(Contract, name="parcels.booked", version="1.0"):
    number: int
    key: str
    script: dict[str, list[str]] = Field(default_factory=dict)


class Sent(Contract, name="parcels.sent", version="1.0"):
    number: int
