"""What is said where a case forks and meets again."""

from pydantic import Field

from misstep import Contract

Script = dict[str, list[str]]


class Ask(Contract, name="pair.ask", version="1.0"):
    """What a case asks for."""

    number: int = Field(ge=0)
    script: Script = Field(default_factory=dict)


class Opened(Contract, name="pair.opened", version="1.0"):
    """After `open_file`."""

    number: int
    script: Script = Field(default_factory=dict)


class FromBank(Contract, name="pair.from_bank", version="1.0"):
    """What the bank says."""

    number: int
    script: Script = Field(default_factory=dict)


class FromRegister(Contract, name="pair.from_register", version="1.0"):
    """What the register says."""

    number: int
    script: Script = Field(default_factory=dict)


class Decided(Contract, name="pair.decided", version="1.0"):
    """What the two come to together."""

    number: int
    script: Script = Field(default_factory=dict)


class Settled(Contract, name="pair.settled", version="1.0"):
    """The end."""

    number: int


class Withdrawn(Contract, name="pair.withdrawn", version="1.0"):
    """What every undo here answers."""

    key: str
