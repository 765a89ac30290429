"""Repairs of dead receipts: what the capture gets wrong is mended, on a real receipt, and nothing else is touched."""

import copy
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from rooms.contracts.invoice import Receipt
from rooms.dlq.invoice import letters


def text_for_numbers(receipt: dict[str, Any]) -> None:
    for box in receipt["lines"][:5]:
        box["x"] = str(box["x"])


def boxes_that_are_none(receipt: dict[str, Any]) -> None:
    receipt["lines"][1:1] = [None, "TOTAL", {"x": 1, "text": "half a box"}, {**receipt["lines"][0], "w": True}]


def no_lines(receipt: dict[str, Any]) -> None:
    receipt["lines"] = None


def another_name(receipt: dict[str, Any]) -> None:
    receipt["scan_id"] = receipt.pop("receipt_id")


@pytest.mark.parametrize(
    ("spoil", "repair"),
    [
        (text_for_numbers, "numbers_from_text"),
        (boxes_that_are_none, "drop_broken_boxes"),
        (no_lines, "drop_broken_boxes"),
        (another_name, "name_from_its_other_names"),
    ],
)
def test_a_receipt_that_was_spoilt_is_one_again(
    clear: dict[str, Any], spoil: Callable[[dict[str, Any]], None], repair: str
) -> None:
    spoilt = copy.deepcopy(clear)
    spoil(spoilt)
    with pytest.raises(ValidationError):
        Receipt.model_validate(spoilt)
    value = orjson.dumps(spoilt)
    mended = Receipt.model_validate_json(letters.named(repair).apply(value, value))
    assert mended.receipt_id == clear["receipt_id"]
    if spoil is not no_lines:
        assert mended.lines == Receipt.model_validate(clear).lines


@pytest.mark.parametrize("repair", [name for name, one in letters.repairs.items() if not one.takes_bytes])
def test_a_sound_receipt_is_left_as_it_is(clear: dict[str, Any], repair: str) -> None:
    value = orjson.dumps(clear)
    assert orjson.loads(letters.named(repair).apply(value, value)) == clear


def test_what_stands_around_the_json_is_cut_off(clear: dict[str, Any]) -> None:
    value = b"\xef\xbb\xbf" + orjson.dumps(clear) + b"\0\0"
    mended = letters.named("without_what_stands_around_it").apply(value, None)
    assert Receipt.model_validate_json(mended).receipt_id == clear["receipt_id"]


def test_a_receipt_without_any_name_stays_without_one(clear: dict[str, Any]) -> None:
    clear = {name: value for name, value in clear.items() if name != "receipt_id"}
    value = orjson.dumps(clear)
    assert "receipt_id" not in orjson.loads(letters.named("name_from_its_other_names").apply(value, value))


def test_the_text_of_a_receipt_is_masked(clear: dict[str, Any]) -> None:
    assert {box["text"] for box in letters.redaction.masked(clear)["lines"]} == {"•••"}
