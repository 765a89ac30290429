"""What to do with dead receipts: what the capture gets wrong again and again is mended here, each way by its name."""

from __future__ import annotations

from typing import Any

from misstep import DeadLetters

letters = DeadLetters("invoice", redact=["lines[].text"], keep="90d")  # a receipt's text may hold card numbers

SIDES = ("x", "y", "w", "h")
NAMES = ("receipt_id", "scan_id", "document_id", "case_id", "id")


@letters.repair
def numbers_from_text(payload: dict[str, Any]) -> dict[str, Any]:
    """Reads the sides of boxes that were written as text: "99" is 99."""
    return {**payload, "lines": [_with_numbers(box) for box in _lines(payload)]}


@letters.repair
def drop_broken_boxes(payload: dict[str, Any]) -> dict[str, Any]:
    """Leaves out what is no box: one without its four sides or its text says nothing about a total."""
    return {**payload, "lines": [box for box in _lines(payload) if _is_box(box)]}


@letters.repair
def name_from_its_other_names(payload: dict[str, Any]) -> dict[str, Any]:
    """Names a receipt that has no receipt_id by its scan_id, document_id, case_id or id."""
    given = next((payload[name] for name in NAMES if isinstance(payload.get(name), str | int) and payload[name]), None)
    return payload if given is None else {**payload, "receipt_id": str(given)}


@letters.repair
def without_what_stands_around_it(value: bytes) -> bytes:
    """Cuts a byte order mark and NULs off the ends: some scanners put them around the JSON."""
    return value.removeprefix(b"\xef\xbb\xbf").strip(b"\0 \r\n\t")


def _lines(payload: dict[str, Any]) -> list[Any]:
    lines = payload.get("lines")
    return lines if isinstance(lines, list) else []


def _with_numbers(box: Any) -> Any:
    if not isinstance(box, dict):
        return box
    return {name: _number(value) if name in SIDES else value for name, value in box.items()}


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _is_box(box: Any) -> bool:
    return (
        isinstance(box, dict)
        and all(isinstance(box.get(side), int | float) and not isinstance(box.get(side), bool) for side in SIDES)
        and isinstance(box.get("text"), str)
    )
