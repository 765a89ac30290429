"""What is said along the line: an order goes through five agents. `script` says how their attempts go."""

from pydantic import Field

from misstep import Contract

Script = dict[str, list[str]]


class Order(Contract, name="line.order", version="1.0"):
    """What a case asks for."""

    number: int = Field(ge=0)
    script: Script = Field(default_factory=dict)
    padding: str = ""


class Taken(Contract, name="line.taken", version="1.0"):
    """After `take_in`."""

    number: int
    script: Script = Field(default_factory=dict)


class Reserved(Contract, name="line.reserved", version="1.0"):
    """After `reserve`."""

    number: int
    script: Script = Field(default_factory=dict)


class Priced(Contract, name="line.priced", version="1.0"):
    """After `price`."""

    number: int
    script: Script = Field(default_factory=dict)
    padding: str = ""


class Charged(Contract, name="line.charged", version="1.0"):
    """After `charge`."""

    number: int
    script: Script = Field(default_factory=dict)


class Confirmed(Contract, name="line.confirmed", version="1.0"):
    """The end."""

    number: int


class TakenBack(Contract, name="line.taken_back", version="1.0"):
    """What every undo here answers."""

    key: str
