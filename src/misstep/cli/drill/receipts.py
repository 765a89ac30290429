"""The invoice workflow of Misstep's own repository, and the receipts that come with it."""

from __future__ import annotations

from pathlib import Path

import orjson

from misstep.cli.drill.environment import DrillEnvironment
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.rooms import Project, find_project, load_project

WORKFLOW = "invoice"
FILE = "examples/receipts.jsonl"
ALL = 120


def invoice_project(env: DrillEnvironment) -> tuple[Project, Choreography]:
    """The repository's project, mounted, and its score. UsageError where that is not."""
    project = load_project(env.root if env.root is not None else find_project())
    score = project.choreographies.get(WORKFLOW)
    if score is None or not (project.root / FILE).is_file():
        raise UsageError(
            f"{project.root} has no workflow {WORKFLOW!r} with {FILE}: this drill runs the one of Misstep's own "
            "repository; run it there."
        )
    return project, score


def read_receipts(root: Path, count: int) -> dict[str, bytes]:
    """The first `count` receipts, by id. UsageError when there are fewer."""
    lines = (root / FILE).read_bytes().splitlines()
    if count > len(lines):
        raise UsageError(f"--cases {count} is not possible: {FILE} has {len(lines)} receipts.")
    return {str(orjson.loads(line)["receipt_id"]): line for line in lines[:count]}
