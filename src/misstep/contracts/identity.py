"""A contract's identity: its name, its version, and the sha256 of the whole contract."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from misstep.contracts import avro, avro_shape, json_schema
from misstep.errors import UsageError

if TYPE_CHECKING:
    from misstep.contracts.contract import Contract

Encoding = Literal["json", "avro"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_NAME_MAX_CHARS: Final = 120


class Identity:
    """Who a contract is. Everything that needs the finished model is worked out when it is first asked for."""

    def __init__(self, model: type[Contract], name: str, version: str, encoding: Encoding) -> None:
        """Raises UsageError when the name, the version or the encoding is none."""
        where = f"contract {model.__module__}.{model.__qualname__}"
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _NAME_MAX_CHARS:
            raise UsageError(
                f"{where}: name {name!r} is not a contract's name; use lower-case words joined by dots, as in "
                "'invoice.extracted'."
            )
        try:
            numbers = parse_version(version)
        except ValueError as error:
            raise UsageError(f"{where}: {error}.") from None
        if encoding not in ("json", "avro"):
            raise UsageError(f"{where}: encoding {encoding!r} is neither 'json' nor 'avro'.")
        self.model: Final = model
        """The class that bears the name; stricter readings of it share this identity."""
        self.name: Final = name
        self.version: Final = version
        self.major: Final = numbers[0]
        self.minor: Final = numbers[1]
        self.encoding: Final[Encoding] = encoding

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """What a writer may send, as JSON Schema, titles and descriptions included. UsageError if it cannot be said."""
        return json_schema.published(complete(self.model))

    @cached_property
    def avro_schema(self) -> dict[str, Any]:
        """The same contract as an Avro record schema. UsageError if it cannot be said."""
        return avro.schema_of(complete(self.model), self.name)

    @cached_property
    def fingerprint(self) -> bytes:
        """CRC-64-AVRO of the Avro schema's parsing canonical form, 8 bytes, little-endian."""
        return avro_shape.fingerprint(self.avro_schema)

    @cached_property
    def sha256(self) -> str:
        """Hex sha256 of the whole contract: name, version, encoding, Avro schema, JSON schema.

        What is said for people alone (titles, descriptions, examples) does not count: a better sentence is not another
        contract.
        """
        return whole_sha256(self.name, self.version, self.encoding, self.avro_schema, self.json_schema)

    @cached_property
    def urn(self) -> str:
        """`ce_dataschema`: names the contract exactly."""
        return f"urn:misstep:{self.name}:{self.version}:{self.sha256}"

    @property
    def text(self) -> str:
        """`name@version`, as people write it."""
        return f"{self.name}@{self.version}"

    def __repr__(self) -> str:
        return f"<contract {self.text}>"


def complete(contract: type[Contract]) -> type[Contract]:
    """The contract with every annotation resolved. UsageError when one names a type that does not exist."""
    if not contract.__pydantic_complete__:
        try:
            contract.model_rebuild()
        except NameError as error:
            raise UsageError(
                f"contract {contract.__module__}.{contract.__qualname__}: {error}; annotations must be importable at "
                "run time."
            ) from None
    return contract


def parse_version(text: str) -> tuple[int, int]:
    """(major, minor) of "major.minor". ValueError when it is not one."""
    numbers = _VERSION.fullmatch(text)
    if numbers is None:
        raise ValueError(f"version {text[:40]!r} is not major.minor, as in '1.0'")
    return int(numbers[1]), int(numbers[2])


def whole_sha256(name: str, version: str, encoding: str, avro_schema: Any, said_in_json: Any) -> str:
    """Hex sha256 of a whole contract, words for people left out."""
    whole = {
        "name": name,
        "version": version,
        "encoding": encoding,
        "avro": avro_shape.without_words(avro_schema),
        "json": json_schema.without_words(said_in_json),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
