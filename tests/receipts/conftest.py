"""The project's rooms, and the receipts that ship with the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from misstep.saga.mount import mount_rooms

ROOT = Path(__file__).resolve().parents[2]
mount_rooms(ROOT)  # before the test modules are imported: they say `from rooms...`


@pytest.fixture(autouse=True, scope="module")
def _rooms() -> None:
    """This project is the one that is mounted, whatever other tests have mounted since."""
    mount_rooms(ROOT)


@pytest.fixture(scope="session")
def examples() -> list[dict[str, Any]]:
    with (ROOT / "examples" / "receipts.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def by_id(examples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {receipt["receipt_id"]: receipt for receipt in examples}
