"""The receipts that ship with the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def examples() -> list[dict[str, Any]]:
    with (ROOT / "examples" / "receipts.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def by_id(examples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {receipt["receipt_id"]: receipt for receipt in examples}
