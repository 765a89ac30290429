"""What the oracle finds: a promise that does not hold, and the events that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

RULES: dict[str, str] = {
    "lost": "every acknowledged case has an outcome",
    "two endings": "a case ends once in each epoch",
    "made up": "no case ends that nobody published",
    "twice": "per case and epoch there is one event for each version and agent",
    "version step": "versions step by one",
    "forged": "each hash is what its event says",
    "broken chain": "each hash chains to its parents'",
    "history": "histories point at the events that they name",
    "order": "a case's events stand in their topics in the order of their versions",
    "after the end": "nothing follows a case's outcome",
    "strayed": "a case stays in its partition",
    "undo order": "steps are undone in reverse order",
    "undone twice": "each step is undone once",
    "effect twice": "a step's effect goes by one key",
    "effect missing": "what a case says was done was done",
    "effect left": "what was done is taken back where the case says so",
    "audit missing": "each event has a row",
    "audit made up": "each row has an event",
    "audit differs": "a row says what its event says",
    "letter missing": "each dead letter has a row",
    "letter made up": "each row of a dead letter has a letter",
    "phantom": "a reader sees nothing that is not in the log at the end",
    "behind the reader": "nothing appears where a reader has been already",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one case (or place) breaks."""

    rule: str
    case_id: str
    text: str
    shown: Sequence[str] = field(default_factory=tuple)
    """Places and words of the events that show it."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.case_id}: {self.text}"
