"""What is said when a parcel is checked from two sides."""

from pydantic import Field

from misstep import Contract


class Asked(Contract, name="checks.asked", version="1.0"):
    """A check. `script` as in parcels."""

    number: int = Field(ge=0)
    script: dict[str, list[str]] = Field(default_factory=dict)


class Left(Contract, name="checks.left", version="1.0"):
    left: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Right(Contract, name="checks.right", version="1.0"):
    right: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Both(Contract, name="checks.both", version="1.0"):
    left: int
    right: int
    key: str
