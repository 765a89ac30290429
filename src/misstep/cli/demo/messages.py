"""What the demo publishes: real receipts, some of them spoilt on purpose, the same ones for the same seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from misstep.errors import UsageError

CORRUPTED = 3
FEWEST = 12
"""Enough receipts for every fault to meet one of its own."""
SUM = re.compile(r"\d+\s*[.,]\s*\d{2}\b")


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """One message. Without a key, it is known by where it will stand in the topic."""

    key: str | None
    value: bytes


@dataclass
class DemoMessages:
    """All of them in order, and which were spoilt how."""

    messages: list[DemoMessage] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    """What was done -> the receipts that it was done to."""
    receipts: dict[str, bytes] = field(default_factory=dict)
    """The receipts as they were, by id."""


def demo_messages(file: Path, seed: int, count: int | None = None) -> DemoMessages:
    """The first `count` receipts of a file (all of them by default). UsageError when it is not there or too short."""
    if not file.is_file():
        raise UsageError(
            f"{file} is missing: `misstep demo` runs the invoice workflow of Misstep's own repository; run it there, "
            "or make a project of your own with `misstep new NAME`."
        )
    lines = file.read_bytes().splitlines()
    if count is not None and not FEWEST <= count <= len(lines):
        raise UsageError(f"--receipts {count} is not possible: {file.name} has {len(lines)}, and {FEWEST} are needed.")
    receipts = {str(orjson.loads(line)["receipt_id"]): line for line in lines[:count]}
    drawn = random.Random(seed).sample(sorted(receipts), CORRUPTED + 3)
    corrupted, (without_total, twice, keyless) = drawn[:CORRUPTED], drawn[CORRUPTED:]
    made = DemoMessages(receipts=receipts)
    for receipt_id, value in receipts.items():
        if receipt_id in corrupted:
            value = corrupt(value, seed)
        elif receipt_id == without_total:
            value = strip_sums(value)
        made.messages.append(DemoMessage(None if receipt_id == keyless else receipt_id, value))
        if receipt_id == twice:
            made.messages.append(DemoMessage(receipt_id, value))
    made.faults = {
        "bytes that were corrupted on the way": corrupted,
        "a receipt without any sum on it": [without_total],
        "a case that is published twice": [twice],
        "a case without a key": [keyless],
    }
    return made


def corrupt(value: bytes, seed: int) -> bytes:
    """The value with a few of its bytes overwritten: no longer JSON."""
    spoilt = bytearray(value)
    draw = random.Random(f"{seed}/{len(value)}")
    for at in draw.sample(range(1, len(spoilt) - 1), 12):
        spoilt[at] = draw.randrange(128, 256)
    spoilt[0] = 0xFF  # whatever the others hit
    return bytes(spoilt)


def strip_sums(value: bytes) -> bytes:
    """The receipt without the boxes that hold a sum."""
    receipt = orjson.loads(value)
    receipt["lines"] = [box for box in receipt["lines"] if not SUM.search(box["text"])]
    return orjson.dumps(receipt)
