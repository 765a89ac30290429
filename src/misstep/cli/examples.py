"""The cases that a score names to be tried with."""

from __future__ import annotations

from pathlib import Path

from misstep.cli.cases_file import BOM, open_cases
from misstep.errors import UsageError
from misstep.saga.choreography import Choreography


def read_examples(score: Choreography, root: Path) -> list[bytes]:
    """The lines of the file that the score names, as they are. UsageError when it names none, or none can be read."""
    if not score.examples:
        raise UsageError(
            f"{score.where}: {score.name} names no examples; write Choreography({score.name!r}, ..., "
            f'examples="examples/{score.name}.jsonl"), a file of cases as producers publish them.'
        )
    path = root / score.examples
    with open_cases(str(path)) as file:
        lines = [line.rstrip(b"\r\n").removeprefix(BOM) for line in file if line.strip()]
    if not lines:
        raise UsageError(f"{path}, which {score.name} names as its examples, holds no case.")
    return lines
