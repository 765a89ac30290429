"""The invoice workflow of Misstep's own repository, and the receipts that come with it."""

from __future__ import annotations

from pathlib import Path

import orjson

from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.repository import read_lines, repository
from misstep.errors import UsageError
from misstep.saga.rooms import Project

WORKFLOW = "invoice"
FILE = "examples/receipts.jsonl"
ALL = 120


def invoice_project(env: DrillEnvironment) -> Project:
    """The repository's project, mounted. UsageError where that is not."""
    return repository(env, WORKFLOW, FILE)


def read_receipts(root: Path, count: int) -> dict[str, bytes]:
    """The first `count` receipts, by id. UsageError when there are fewer."""
    lines = read_lines(root, FILE)
    if count > len(lines):
        raise UsageError(f"--cases {count} is not possible: {FILE} has {len(lines)} receipts.")
    return {str(orjson.loads(line)["receipt_id"]): line for line in lines[:count]}
