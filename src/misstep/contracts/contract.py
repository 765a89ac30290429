"""`Contract`: a versioned schema of one payload."""

from __future__ import annotations

from typing import Any, ClassVar, Never, Unpack

from pydantic import BaseModel, ConfigDict

from misstep.contracts.declared import declare
from misstep.contracts.identity import Encoding, Identity
from misstep.errors import UsageError


class Contract(BaseModel):
    """What may be said at one hand-off: `class Extracted(Contract, name="invoice.extracted", version="1.1")`.

    name: lower-case words joined by dots. version: "major.minor"; a minor version can read what its predecessors wrote,
    a major one comes with an upcaster. encoding: "json" (the default) or "avro", how values travel.

    A subclass without a name is a stricter reading of its nearest named base and shares its identity. Identity lives in
    `__contract__`, so fields may be called name or version. Values are immutable; fields that a reader does not know
    are ignored; numbers are finite; bytes are base64 in JSON; aliases, where declared, are what travels.

    Raises UsageError, when it is declared, for a name or version that is none.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        serialize_by_alias=True,
    )

    __contract__: ClassVar[Identity]

    def __init_subclass__(
        cls, *, name: str = "", version: str = "", encoding: Encoding = "json", **config: Unpack[ConfigDict]
    ) -> None:
        super().__init_subclass__(**config)
        if name:
            cls.__contract__ = Identity(cls, name, version, encoding)
        elif version or encoding != "json":
            raise UsageError(
                f"contract {cls.__module__}.{cls.__qualname__} has a version or an encoding but no name; a stricter "
                "reading has none of the three."
            )

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        if cls.__dict__.get("__contract__") is not None:
            declare(cls)


class _Nameless:
    """Stands where a Contract subclass neither has a name nor descends from one that has."""

    def __get__(self, instance: object, owner: type[Contract]) -> Never:
        # No AttributeError: pydantic's metaclass would take it and leave the bare attribute's name of it.
        raise UsageError(
            f'{owner.__module__}.{owner.__qualname__} is no contract yet: declare it with name="..." and version="...".'
        )


Contract.__contract__ = _Nameless()  # type: ignore[assignment]
