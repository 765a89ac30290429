"""What to do with the letters of `parcels`."""

from typing import Any

from misstep import DeadLetters

letters = DeadLetters("parcels", redact=["address"], keep="30d")


@letters.repair
def number_from_text(payload: dict[str, Any]) -> dict[str, Any]:
    """Reads a number that was written as a word."""
    words = {"one": 1, "two": 2, "three": 3}
    return {**payload, "number": words.get(payload["number"], payload["number"])}


@letters.repair
def cut_the_mark(value: bytes) -> bytes:
    """Cuts the byte order mark."""
    return value.removeprefix(b"\xef\xbb\xbf")


@letters.repair
def raises(payload: dict[str, Any]) -> dict[str, Any]:
    """Looks for a field that is not there."""
    return {"number": payload["count"]}


@letters.repair
def still_wrong(payload: dict[str, Any]) -> dict[str, Any]:
    """Mends nothing."""
    return {**payload, "number": -1}
