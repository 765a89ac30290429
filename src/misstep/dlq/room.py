"""What a project says about one workflow's dead letters: repairs, redaction, retention. One object a workflow."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import timedelta

from misstep.agents.duration import duration_ms
from misstep.dlq.redaction import Redaction
from misstep.dlq.repair import F, Repair, repair_of
from misstep.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class DeadLetters:
    """`letters = DeadLetters("invoice", redact=["lines[].text"], keep="90d")`, then repairs under `@letters.repair`."""

    def __init__(self, workflow: str, /, *, redact: Iterable[str] = (), keep: str | timedelta | None = None) -> None:
        """Begin the room of one workflow.

        redact: fields that listings show masked. keep: how long a letter's bytes are kept ("90d"): the topic's
        retention, which `apply` sets, and what `misstep dlq expire` empties; None: for ever in Postgres, in Kafka as
        long as the broker keeps things.

        Raises UsageError for a field or a duration that is none.
        """
        frame = sys._getframe(1)
        self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if not isinstance(workflow, str) or not _NAME.fullmatch(workflow):
            raise UsageError(f"{self.where}: {workflow!r} is no workflow's name; name the one whose letters these are.")
        self.workflow = workflow
        self.redaction = Redaction.of(redact, what=f"{self.where}: DeadLetters({workflow!r}): redact")
        self.keep_ms = (
            None if keep is None else duration_ms(keep, what=f"{self.where}: DeadLetters({workflow!r}): keep")
        )
        self.repairs: dict[str, Repair] = {}
        """By name, in the order of declaration."""

    def repair(self, function: F, /) -> F:
        """Make a function a repair. UsageError for one that is no repair, or a second one of the same name."""
        made = repair_of(function)
        if made.name in self.repairs:
            raise UsageError(
                f"{made.where}: repair {made.name} of {self.workflow} is declared at {self.repairs[made.name].where} "
                "already; give one of the two another name."
            )
        self.repairs[made.name] = made
        return function

    def named(self, name: str) -> Repair:
        """One repair. UsageError when there is none of that name."""
        if name not in self.repairs:
            known = ", ".join(self.repairs) or "none"
            raise UsageError(f"There is no repair {name!r} for {self.workflow} in dlq/; there is: {known}.")
        return self.repairs[name]
