"""The project's rooms, and the fines that ship with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from misstep.saga.mount import mount_rooms

ROOT = Path(__file__).resolve().parents[2]
mount_rooms(ROOT)  # before the test modules are imported: they say `from rooms...`

import rooms.saga.outreach  # noqa: E402, F401

OURS = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "rooms"}
"""The rooms as the test modules know them: read anew, their types would be others."""


@pytest.fixture(autouse=True, scope="module")
def _rooms() -> None:
    """This project is the one that is mounted, whatever other tests have mounted since."""
    mount_rooms(ROOT)
    sys.modules.update(OURS)


@pytest.fixture(scope="session")
def fines() -> list[dict[str, Any]]:
    with (ROOT / "examples" / "fines.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def by_id(fines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {fine["fine_id"]: fine for fine in fines}


@pytest.fixture
def unpaid(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A fine that was sent and never paid: EUR 35.00 and 11.00 of costs."""
    return by_id["N77802"]


@pytest.fixture
def partly_paid(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A fine of which EUR 44.60 came in, the last of it after the penalty was added: EUR 35.17 is open."""
    return by_id["N62843"]


@pytest.fixture
def paid(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return by_id["A17641"]
