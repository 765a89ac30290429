"""Ways in which a case comes to be corrupt between its producer and Kafka. Each is a pure function of a draw."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

Draw = random.Random


@dataclass(frozen=True, slots=True)
class Corruption:
    """One way. `value` and `header` are left as they are where the way does not touch them."""

    name: str
    place: str
    """bytes, fields or headers."""
    value: Callable[[bytes, Draw], bytes] = lambda value, draw: value
    header: Mapping[str, bytes] | None = None
    """Headers that say something else."""


def overwritten(value: bytes, draw: Draw) -> bytes:
    """A few bytes, the first among them, that are no UTF-8."""
    spoilt = bytearray(value)
    for at in (0, *draw.sample(range(1, len(spoilt)), 11)):
        spoilt[at] = 0xFF
    return bytes(spoilt)


def cut_short(value: bytes, draw: Draw) -> bytes:
    """The end is missing."""
    return value[: draw.randrange(1, len(value) - 1)]


def of_another(value: bytes, draw: Draw) -> bytes:
    """Two halves of two messages."""
    half = draw.randrange(len(value) // 4, len(value) // 2)
    return value[:half] + value[:half]


def without_lines(value: bytes, draw: Draw) -> bytes:
    """A field is missing."""
    return _changed(value, lambda receipt: receipt.pop("lines"))


def lines_as_text(value: bytes, draw: Draw) -> bytes:
    """A field of another type."""
    return _changed(value, lambda receipt: receipt.update(lines=" ".join(box["text"] for box in receipt["lines"])))


def pixels_as_text(value: bytes, draw: Draw) -> bytes:
    """A figure deep inside has become text."""

    def change(receipt: dict[str, Any]) -> None:
        box = draw.choice(receipt["lines"])
        box["x"] = f"{box['x']}px"

    return _changed(value, change)


def without_id(value: bytes, draw: Draw) -> bytes:
    """A field that may not be empty is."""
    return _changed(value, lambda receipt: receipt.update(receipt_id=""))


def another_digit(value: bytes, draw: Draw) -> bytes:
    """A digit has become another: still a receipt, by any contract."""

    def change(receipt: dict[str, Any]) -> None:
        box = draw.choice([box for box in receipt["lines"] if any(sign.isdigit() for sign in box["text"])])
        at = draw.choice([at for at, sign in enumerate(box["text"]) if sign.isdigit()])
        digit = str((int(box["text"][at]) + 1) % 10) if box["text"][at].isascii() else "0"
        box["text"] = box["text"][:at] + digit + box["text"][at + 1 :]

    return _changed(value, change)


CORRUPTIONS: Final = (
    Corruption("bytes overwritten", "bytes", overwritten),
    Corruption("the end cut off", "bytes", cut_short),
    Corruption("two halves of messages", "bytes", of_another),
    Corruption("an empty value", "bytes", lambda value, draw: b""),
    Corruption("a field is missing", "fields", without_lines),
    Corruption("a list has become text", "fields", lines_as_text),
    Corruption("a figure has become text", "fields", pixels_as_text),
    Corruption("the receipt's id is empty", "fields", without_id),
    Corruption(
        "a contract that nobody knows",
        "headers",
        header={"ce_dataschema": b"urn:misstep:invoice.receipt:9.0:" + b"0" * 64},
    ),
    Corruption("a version that is no number", "headers", header={"ce_stateversion": b"seven"}),
    Corruption("an epoch that is no number", "headers", header={"ce_epoch": b"\xff\xfe"}),
    Corruption("a history that is no JSON", "headers", header={"ce_history": b"[[]"}),
)
UNSEEN: Final = Corruption("a digit has become another", "fields", another_digit)
"""No contract can see that; what comes of it is the business of the agents."""


def _changed(value: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    receipt = orjson.loads(value)
    change(receipt)
    return orjson.dumps(receipt)
