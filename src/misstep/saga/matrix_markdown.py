"""The matrix in Markdown, exactly as `ARCHITECTURE.md` holds it between its two markers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from misstep.agents.plan import Plan
from misstep.errors import UsageError
from misstep.saga.matrix import EVERY_AGENT, EVERY_OTHER, AgentRow, agents_table, forks_in_words, matrix_table
from misstep.saga.route_words import duration_words


def matrix_markdown(plan: Plan) -> str:
    """The block of one workflow, without its markers."""
    handoffs = (
        "no hand-off" if not plan.handoffs else "1 hand-off" if plan.handoffs == 1 else f"{plan.handoffs} hand-offs"
    )
    agents = [
        (
            f"`{row.agent}`" + _beside(row),
            row.accepts,
            row.emits,
            row.budget,
            row.owner,
            row.effect,
            row.undone_by,
        )
        for row in agents_table(plan)
    ]
    cells = [
        (row.agent if row.agent in (EVERY_AGENT, EVERY_OTHER) else f"`{row.agent}`", f"`{row.reason}`", row.words)
        for row in matrix_table(plan)
    ]
    return "\n\n".join(
        (
            f"A case begins with {plan.starts.__contract__.text}; it has {duration_words(plan.deadline_ms)} and "
            f"{handoffs}.",
            *forks_in_words(plan),
            _table(("agent", "accepts", "emits", "budget", "owner", "effect", "undone by"), agents),
            _table(("when", "fails with", "the case is"), cells),
        )
    )


def markers(workflow: str) -> tuple[str, str]:
    """The two lines that the block stands between."""
    return f"<!-- matrix:{workflow} -->", f"<!-- /matrix:{workflow} -->"


def block_in(text: str, workflow: str) -> str | None:
    """What a document holds between the markers, outer white space apart; None without the markers."""
    begin, end = markers(workflow)
    _, found, rest = text.partition(begin)
    block, closed, _ = rest.partition(end)
    return block.strip() if found and closed else None


def workflows_in(text: str) -> list[str]:
    """The workflows of which a document holds a block."""
    return re.findall(r"<!-- matrix:(\S+) -->", text)


def with_block(text: str, plan: Plan) -> str:
    """The document with the workflow's block as the score has it. UsageError when it has no markers for it."""
    begin, end = markers(plan.workflow)
    held = block_in(text, plan.workflow)
    if held is None:
        raise UsageError(
            f"the document has no place for {plan.workflow}; write the lines {begin} and {end} where it goes."
        )
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{matrix_markdown(plan)}\n\n{end}{after}"


def _beside(row: AgentRow) -> str:
    """How an agent comes to hear a case, where that is not simply what it accepts; and when it stops by itself."""
    said = [*(["on standby"] if row.standby else []), *([f"fork `{row.fork}`"] if row.fork else [])]
    if row.valve:
        said.append(f"valve {row.valve}")
    return f" ({', '.join(said)})" if said else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
