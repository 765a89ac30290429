"""Real loans: the 9,000 of the shared data where they are, else the sample that ships with the project."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def loan_lines() -> list[bytes]:
    shared = ROOT.parent / "shared" / "data" / "loans.jsonl.gz"
    with gzip.open(shared if shared.exists() else ROOT / "examples" / "loans.jsonl.gz", "rb") as lines:
        return [line.rstrip() for line in lines][:2_000]
