"""The project's rooms, the receipts that ship with it, and an office in memory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from misstep.saga.mount import mount_rooms

ROOT = Path(__file__).resolve().parents[2]
mount_rooms(ROOT)  # before the test modules are imported: they say `from rooms...`


from tests.invoice.office import Office  # noqa: E402

OURS = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "rooms"}
"""The rooms as the test modules know them: read anew, their types would be others."""


@pytest.fixture(autouse=True, scope="module")
def _rooms() -> None:
    """This project is the one that is mounted, whatever other tests have mounted since."""
    mount_rooms(ROOT)
    sys.modules.update(OURS)


@pytest.fixture(scope="session")
def examples() -> list[dict[str, Any]]:
    with (ROOT / "examples" / "receipts.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def by_id(examples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {receipt["receipt_id"]: receipt for receipt in examples}


@pytest.fixture
def clear(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A receipt that every method reads alike: MYR 59.00 at a restaurant."""
    return by_id["sroie-617"]


@pytest.fixture
def refund(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A receipt that comes to less than nothing: no total can be read."""
    return by_id["sroie-347"]


@pytest.fixture
def hard(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A receipt whose total the first method is not sure of."""
    return by_id["sroie-047"]


@pytest.fixture
def office() -> Office:
    return Office()
