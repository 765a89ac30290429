"""Does `ARCHITECTURE.md` hold the same matrix as the score?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from misstep.agents.plan import Plan
from misstep.saga.finding import Finding
from misstep.saga.matrix_markdown import block_in, markers, matrix_markdown, workflows_in

FILE = "ARCHITECTURE.md"


def check_architecture(plan: Plan, text: str | None) -> Iterator[Finding]:
    """Findings on one workflow's block. text: the document; None when there is none."""
    show = f"`misstep matrix show {plan.workflow} --markdown`"
    held = block_in(text, plan.workflow) if text is not None else None
    if text is None or held is None:
        begin, end = markers(plan.workflow)
        lacks = "does not exist" if text is None else f"holds no matrix of {plan.workflow}"
        yield Finding("error", f"{FILE} {lacks}; put what {show} prints between {begin} and {end}.", where=FILE)
        return
    wanted = matrix_markdown(plan)
    if _lines(held) == _lines(wanted):
        return
    line = text[: text.index(markers(plan.workflow)[0])].count("\n") + 1
    has, says = next((one, other) for one, other in zip_longest(_lines(held), _lines(wanted)) if one != other)
    yield Finding(
        "error",
        f"the matrix of {plan.workflow} in {FILE} has {_shown(has)} where the score says {_shown(says)}; "
        f"replace the block with what {show} prints, or mend the score.",
        where=f"{FILE}:{line}",
    )


def check_leftovers(text: str | None, workflows: Iterable[str]) -> Iterator[Finding]:
    """Blocks of workflows that there are no longer."""
    known = set(workflows)
    for name in workflows_in(text or ""):
        if name not in known:
            yield Finding(
                "error", f"{FILE} holds a matrix of {name}, and saga/ has no such workflow; take it out.", where=FILE
            )


def _lines(block: str) -> list[str]:
    return [line.rstrip() for line in block.strip().splitlines()]


def _shown(line: str | None) -> str:
    return f"{line!r}" if line else "nothing"
