"""The one table of failure reasons: what each means, whether time mends it, who is paged, where it goes by default.

The Postgres enum `failure_reason_t`, the engine's reasons of every agent and the runbook's headings follow from this
table or are checked against it. It imports nothing from misstep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Pages = Literal["", "owner", "platform", "security"]
"""Who is paged; the empty text: nobody."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What a reason may be called."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table."""

    name: str
    meaning: str
    """A sentence for the person who reads it at 2 a.m."""
    mends: bool = False
    """Time alone may mend it, so a retry makes sense."""
    pages: Pages = ""
    engine: bool = False
    """The engine itself gives it, so every agent has it."""
    default: str = "escalate"
    """The route of a row that does not mention it, as the score would write it; empty for `ok`."""

    def __post_init__(self) -> None:
        if not well_formed(self.name):
            raise ValueError(f"failure reason {self.name!r} is not a name: at most 48 letters (a-z), digits and _.")


def well_formed(name: str) -> bool:
    """Can a reason be called this? Lower-case letters, digits and underscores, a letter first, at most 48."""
    return NAME.fullmatch(name) is not None


_TABLE = (
    Reason(
        "ok",
        "The turn went well.",
        default="",
    ),
    Reason(
        "schema_invalid",
        "The input cannot be read, or the agent's output breaks its own contract.",
        engine=True,
        default="dead_letter",
    ),
    Reason(
        "compliance_fail",
        "A rule of law or policy forbids this case to go on.",
        default="escalate",
    ),
    Reason(
        "latency_blow",
        "The turn or the case took longer than its time budget.",
        mends=True,
        engine=True,
        default="retry(3) | dead_letter",
    ),
    Reason(
        "rubric_fail",
        "The result is readable but not good enough by the agent's own measure.",
        default="escalate",
    ),
    Reason(
        "handoff_exhausted",
        "The case was handed over as often as its budget allows, and nobody could finish it.",
        engine=True,
        default="escalate",
    ),
    Reason(
        "model_down",
        "A model or another dependency does not answer.",
        mends=True,
        default="retry(5) | dead_letter",
    ),
    Reason(
        "authority_breach",
        "The agent acted outside its execution contract.",
        pages="security",
        engine=True,
        default="escalate",
    ),
    Reason(
        "invariant_broken",
        "Something that must always hold does not: figures that disagree, a state that cannot be.",
        pages="owner",
        default="escalate",
    ),
    Reason(
        "undo_failed",
        "A step could not be undone, so what it did still stands.",
        pages="owner",
        engine=True,
        default="dead_letter",
    ),
    Reason(
        "agent_fault",
        "The agent raised an exception, or gave a reason, that it does not declare: a bug.",
        pages="owner",
        engine=True,
        default="dead_letter",
    ),
)

REASONS: Final[Mapping[str, Reason]] = MappingProxyType({reason.name: reason for reason in _TABLE})
"""Every reason that Misstep itself knows, `ok` first, by name."""

ENGINE_REASONS: Final = tuple(reason.name for reason in _TABLE if reason.engine)
"""Reasons that every agent has, whether it names them or not."""


def own_reason(
    name: str, meaning: str = "", *, mends: bool = False, pages: Pages = "", default: str = "escalate"
) -> Reason:
    """A workflow's own reason. ValueError when the name is not one, or is already in the table."""
    if name in REASONS:
        raise ValueError(f"failure reason {name!r} is one of Misstep's own; use it as it is, or choose another name.")
    return Reason(name, meaning or f"The workflow's own reason {name}.", mends=mends, pages=pages, default=default)


def reason_named(name: str, own: Mapping[str, Reason] | None = None) -> Reason:
    """The row of a name: Misstep's, the workflow's (`own`), or one of its own made up on the spot.

    ValueError when it is not a name.
    """
    found = REASONS.get(name) or (own or {}).get(name)
    return found if found is not None else own_reason(name)


def reasons_in_use(names: Iterable[str], own: Mapping[str, Reason] | None = None) -> tuple[Reason, ...]:
    """The rows of the names that a workflow uses, `ok` left out: the table's first, in its order, then its own.

    At most ten may be in use; counting them is `matrix check`'s business, not this function's.
    """
    wanted = dict.fromkeys(name for name in names if name != "ok")
    ours = [name for name in REASONS if name in wanted]
    theirs = [name for name in wanted if name not in REASONS]
    return tuple(reason_named(name, own) for name in (*ours, *theirs))
