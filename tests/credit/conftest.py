"""The project's rooms, and the loan applications that ship with it."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from misstep.saga.mount import mount_rooms

ROOT = Path(__file__).resolve().parents[2]
LOANS = ROOT / "examples" / "loans.jsonl.gz"
mount_rooms(ROOT)  # before the test modules are imported: they say `from rooms...`

import rooms.agents.wiring  # noqa: E402
import rooms.saga.credit  # noqa: E402, F401

OURS = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "rooms"}
"""The rooms as the test modules know them: read anew, their types would be others."""


@pytest.fixture(autouse=True, scope="module")
def _rooms() -> None:
    """This project is the one that is mounted, whatever other tests have mounted since."""
    mount_rooms(ROOT)
    sys.modules.update(OURS)


@pytest.fixture(scope="session")
def loans() -> list[dict[str, Any]]:
    with gzip.open(LOANS, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def by_id(loans: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {loan["application_id"]: loan for loan in loans}


@pytest.fixture
def granted(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """EUR 27,500, an offer that came back signed, papers that were checked: it was approved, and it is granted."""
    return by_id["213459"]


@pytest.fixture
def declined(by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """EUR 40,000 of which nothing was shown: a lead that was called once and declined."""
    return by_id["198349"]
