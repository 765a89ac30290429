"""A payload's bytes as they travel."""

from __future__ import annotations

import warnings
from functools import lru_cache

from pydantic_core import PydanticSerializationError

from misstep.contracts.avro_value import AvroValue
from misstep.contracts.contract import Contract
from misstep.contracts.identity import Identity, complete
from misstep.contracts.misfit import Misfit, cut
from misstep.errors import UsageError

JSON_TYPE = "application/json"
AVRO_TYPE = "avro/binary"
SINGLE_OBJECT = b"\xc3\x01"
"""What Avro's single-object encoding begins with; no JSON text does."""


def encode(payload: Contract) -> bytes:
    """The payload as its contract says: JSON as pydantic writes it, or Avro's single-object encoding.

    A stricter reading is written as the contract whose identity it shares. Raises Misfit("schema") for a payload that
    was made past its own validation and cannot be written.
    """
    identity = payload.__contract__
    if warnings.filters[:1] != _REFUSALS:
        _refuse_what_does_not_fit()
    try:
        if identity.encoding == "json":
            return identity.model.__pydantic_serializer__.to_json(payload)
        value = identity.model.__pydantic_serializer__.to_python(payload, mode="json")
        return SINGLE_OBJECT + identity.fingerprint + avro_value(identity).write(value)
    except (PydanticSerializationError, UserWarning, ValueError) as error:
        lines = [line.strip() for line in str(error).split("\n") if not line.startswith("Pydantic serializer warnings")]
        raise Misfit("schema", f"cannot be written as {identity.text}: {cut(' '.join(lines), 400)}") from None


_REFUSALS: list[object] = []
"""The filter that makes an error of what pydantic warns of in this module; the first of all filters when it holds."""


def _refuse_what_does_not_fit() -> None:
    """Let pydantic's serializer warnings be errors here, and only here.

    `warnings="error"` would say so at each call; but reading that text costs more than a small payload, and threads
    that do it at once wait for each other (measured: 1.5 us instead of 0.4, and over a millisecond in a busy worker).
    Other filters may have come before ours since (pytest brings its own for each test), so it is put in front again.
    """
    warnings.filterwarnings("error", "Pydantic serializer warnings", UserWarning, r"misstep\.contracts\.codec")
    _REFUSALS[:] = warnings.filters[:1]


def content_type(identity: Identity) -> str:
    """The `content-type` header of a value of this contract."""
    return JSON_TYPE if identity.encoding == "json" else AVRO_TYPE


@lru_cache(maxsize=1024)
def avro_value(identity: Identity) -> AvroValue:
    """What reads and writes the contract's Avro values. UsageError when Avro cannot hold them."""
    model = complete(identity.model)
    if identity.encoding == "avro" and model.model_config.get("extra") == "allow":
        raise UsageError(f"contract {identity.text} is encoded as Avro, which has no room for undeclared fields.")
    try:
        return AvroValue(identity.avro_schema)
    except ValueError as error:
        raise UsageError(f"contract {identity.text} cannot be said in Avro: {error}.") from None
