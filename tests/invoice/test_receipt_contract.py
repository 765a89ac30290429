import json
from typing import Any

import pytest
from rooms.contracts.invoice import Receipt

from misstep.contracts import LocalSchemas, Misfit, Reader

BOX: dict[str, Any] = {"x": 1, "y": 2, "w": 3, "h": 4, "text": "TOTAL 5.00"}


def read(value: object) -> Receipt:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    receipt = Reader((Receipt,), LocalSchemas()).read(raw, None)
    assert isinstance(receipt, Receipt)
    return receipt


def test_every_example_is_a_receipt_and_its_truth_is_not_read(examples: list[dict[str, Any]]) -> None:
    for example in examples:
        receipt = read(example)
        assert len(receipt.lines) == len(example["lines"])
        assert "truth" not in receipt.model_dump()


def test_what_a_real_ocr_gives_is_taken() -> None:
    noisy = read({"receipt_id": "r", "lines": [{**BOX, "x": -3, "y": 0.25, "w": 0, "angle": 2, "text": ""}]})
    assert (noisy.lines[0].x, noisy.lines[0].y) == (-3, 0.25)


def test_a_blank_scan_is_a_receipt() -> None:
    assert read({"receipt_id": "r", "lines": []}).lines == ()


@pytest.mark.parametrize(
    "broken",
    [
        b"\xff\xfe{",
        b"[]",
        {"lines": [BOX]},
        {"receipt_id": 617, "lines": [BOX]},
        {"receipt_id": "", "lines": [BOX]},
        {"receipt_id": "r"},
        {"receipt_id": "r", "lines": "TOTAL 5.00"},
        {"receipt_id": "r", "lines": [{**BOX, "x": "1"}]},
        {"receipt_id": "r", "lines": [{**BOX, "x": True}]},
        {"receipt_id": "r", "lines": [{**BOX, "text": 5.0}]},
        {"receipt_id": "r", "lines": [{"text": "TOTAL 5.00"}]},
        b'{"receipt_id": "r", "lines": [{"x": NaN, "y": 2, "w": 3, "h": 4, "text": ""}]}',
    ],
)
def test_what_is_no_receipt_does_not_fit(broken: object) -> None:
    with pytest.raises(Misfit):
        read(broken)
