"""What the drafters ask their models for: another prompt when the first one's answer could not be read."""

from __future__ import annotations

from rooms.agents.outreach_rubric import RUBRIC
from rooms.contracts.outreach import Brief

from misstep import Failure
from misstep.models import Prompt

_TASK = (
    "You write for the office that collects road-traffic fines. Write a letter to the person who was fined, asking for "
    "the sum that is still owed. Use only the facts below; invent nothing, and name no other sums or days. The letter "
    "must:\n" + "\n".join(f"- {criterion.asks};" for criterion in RUBRIC) + "\nLeave out address and signature."
)
_STRICT = (
    "\n\nYour answer is read by a program: one JSON object with the texts `subject` and `body`, nothing around it."
)


def first_prompt(brief: Brief, attempt: int) -> Prompt:
    """The primary drafter's: `free` for the first attempt, `strict` for those after an answer that was no letter."""
    if attempt == 1:
        return Prompt(_TASK, brief, "free")
    return Prompt(_TASK + _STRICT, brief, "strict")


def second_prompt(brief: Brief, failure: Failure[str] | None) -> Prompt:
    """The fallback drafter's: always strict, and with what the reviewer missed in the draft before, if it was that."""
    missing = failure.evidence.get("missing") if failure is not None else None
    if not isinstance(missing, list) or not missing:
        return Prompt(_TASK + _STRICT, brief, "fallback")
    asked = "\n".join(f"- {one}" for one in missing)
    return Prompt(f"{_TASK}\n\nThe draft before this one was rejected. It did not:\n{asked}{_STRICT}", brief, "mended")
