"""Options that choose dead letters, and the selection that they come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from misstep.agents.duration import duration_ms
from misstep.composition import Environment
from misstep.contracts.failure import well_formed
from misstep.errors import UsageError
from misstep.store.letters import ID_MAX, Selection

LONGEST = timedelta(days=100 * 365)
WHICH = "Which letters"

WorkflowName = Annotated[
    str | None, typer.Option("--workflow", metavar="NAME", help="Of one workflow.", rich_help_panel=WHICH)
]
AgentName = Annotated[
    str | None, typer.Option("--agent", metavar="NAME", help="Of one agent.", rich_help_panel=WHICH)
]  # fmt: skip
ReasonName = Annotated[
    str | None, typer.Option("--reason", metavar="NAME", help="With one failure reason.", rich_help_panel=WHICH)
]
Fingerprint = Annotated[
    str | None,
    typer.Option("--fingerprint", metavar="HEX", help="Of one group of `dlq group`.", rich_help_panel=WHICH),
]
CaseId = Annotated[str | None, typer.Option("--case", metavar="ID", help="Of one case.", rich_help_panel=WHICH)]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DURATION", help="That failed within 90m, 24h, 7d.", rich_help_panel=WHICH),
]
AllLetters = Annotated[
    bool, typer.Option("--all", help="Those redriven or discarded, too.", rich_help_panel=WHICH)
]  # fmt: skip
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many to show at most.")]


def selection_of(
    env: Environment,
    *,
    workflow: str | None = None,
    agent: str | None = None,
    reason: str | None = None,
    fingerprint: str | None = None,
    case: str | None = None,
    since: str | None = None,
    ids: Sequence[int] = (),
    closed: bool = False,
) -> Selection:
    """What the options choose. UsageError for a workflow that is not there, and names and times that are none.

    An agent need not be in the score: letters outlive it.
    """
    if workflow is not None:
        env.plan(workflow)
    if reason is not None and not well_formed(reason):
        raise UsageError(f"--reason {reason!r} is no failure reason; `misstep dlq group` shows those that there are.")
    wrong = next((one for one in ids if not 0 < one <= ID_MAX), None)
    if wrong is not None:
        raise UsageError(f"{wrong} is no letter's number; `misstep dlq ls` shows them.")
    return Selection(
        env.settings.namespace,
        workflow=workflow,
        agent=agent,
        reason=reason,
        fingerprint=fingerprint,
        case_id=case,
        since=None if since is None else since_of(since),
        ids=tuple(dict.fromkeys(ids)),
        closed=closed,
    )


def since_of(text: str) -> timedelta:
    """A time back from now. UsageError for what is none, or longer than a hundred years."""
    span_ms = duration_ms(text, what="--since")
    if span_ms > LONGEST / timedelta(milliseconds=1):
        raise UsageError(f"--since {text!r} is longer than {LONGEST.days // 365} years; give a shorter one.")
    return timedelta(milliseconds=span_ms)
