"""A route in words, as `ARCHITECTURE.md` has it: `tried 3 times, then handed to extract_fallback`."""

from __future__ import annotations

from misstep.agents.plan import Chain
from misstep.agents.route import DegradeLink, EndingLink, RetryLink, ToLink
from misstep.contracts import Contract
from misstep.contracts.event import COMPENSATE, DEAD_LETTER, ESCALATE

_ENDINGS = {ESCALATE: "handed to a person", DEAD_LETTER: "dead-lettered", COMPENSATE: "undone"}


def route_words(chain: Chain, escalation: str | None = None, held_by: str = "") -> str:
    """What becomes of the case, link by link, its ending last.

    escalation: the agent that takes escalations. held_by: the join at which an ending is carried out, for an agent on a
    branch of a fork.
    """
    words: list[str] = []
    ending = _ending(chain.ending, escalation, held_by)
    for link in chain.links:
        if isinstance(link, EndingLink):
            return ", then ".join((*words, _ending(link.kind, escalation, held_by)))
        words.append(_link(link))
        if isinstance(link, DegradeLink):  # the ending is for a default that cannot be made
            said = any(isinstance(one, EndingLink) for one in chain.links)
            or_else = f" (or, where that cannot be made, {ending})" if said else ""
            return ", then ".join(words) + or_else
    return ", then ".join((*words, ending))


def duration_words(ms: int) -> str:
    """`500 ms`, `2 s`, `5 min`, `24 h`: in the largest unit that leaves a whole number."""
    for size, unit in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if ms % size == 0:
            return f"{ms // size} {unit}"
    return f"{ms} ms"


def tried_words(link: RetryLink) -> str:
    """`tried 3 times, 1 s apart at first`"""
    if link.attempts == 1:
        return "tried once"
    varies = f", with another {link.varies} each time" if link.varies else ""
    return f"tried {link.attempts} times, {duration_words(link.first_ms)} apart at first{varies}"


def _link(link: RetryLink | ToLink | DegradeLink) -> str:
    if isinstance(link, RetryLink):
        return tried_words(link)
    if isinstance(link, ToLink):
        if link.times is None:
            return f"handed to `{link.agent.name}`"
        return f"handed to `{link.agent.name}` ({'once' if link.times == 1 else f'{link.times} times'} at most)"
    value = link.value
    made = type(value).__name__ if isinstance(value, Contract) else getattr(value, "__name__", "its default")
    return f"goes on with `{made}`"


def _ending(kind: str, escalation: str | None, held_by: str) -> str:
    words = f"escalated to `{escalation}`" if kind == ESCALATE and escalation else _ENDINGS[kind]
    return f"{words} at `{held_by}`" if held_by else words
