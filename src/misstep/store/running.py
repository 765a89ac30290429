"""Which life of a case is running: what an operator who names a case means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from misstep.errors import AnswerIsNo, UsageError
from misstep.store.connect import Connection
from misstep.store.stored_case_id import stored_case_id

_LIVES: Final = """
SELECT DISTINCT ON (workflow) workflow, epoch, outcome, last_agent
FROM cases WHERE case_id = %s AND namespace = %s AND (%s::text IS NULL OR workflow = %s)
ORDER BY workflow, epoch DESC
"""


@dataclass(frozen=True, slots=True)
class Life:
    """The newest life of a case in one workflow."""

    workflow: str
    epoch: int
    outcome: str | None
    last_agent: str


def newest_life(connection: Connection, namespace: str, case_id: str, workflow: str | None = None) -> Life:
    """The life that an operator means. AnswerIsNo for a case that nobody knows, UsageError when several fit."""
    lives = [Life(*row) for row in connection.execute(_LIVES, [stored_case_id(case_id), namespace, workflow, workflow])]
    running = [life for life in lives if life.outcome is None] or lives
    if not running:
        where = f" in workflow {workflow}" if workflow else ""
        raise AnswerIsNo(
            f"no case {case_id}{where} in namespace {namespace}; has it been published, and is it audited?"
        )
    if len(running) > 1:
        names = ", ".join(life.workflow for life in running)
        raise UsageError(f"case {case_id} is one of several workflows ({names}); say which with --workflow NAME.")
    return running[0]
