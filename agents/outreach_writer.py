"""A writer without a language model: the same letter for the same facts. It is the default, so that no key is needed.

It stands behind the same interface as a provider's model. Its builds are versions of its wording, as a model's are:
`hasty` is one that got worse, for the drill `regression`.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError
from rooms.contracts.outreach import Brief, Letter

from misstep.errors import UsageError
from misstep.models import Answer, ModelNonsense, Prompt
from misstep.models.model import A

SOUND, HASTY = "sound", "hasty"
BUILDS: Final = (SOUND, HASTY)
CHARS_A_TOKEN: Final = 4
"""To count tokens as a model would, roughly."""


def build_of(text: str) -> str:
    """The build that OUTREACH_DRAFTER_BUILD names. UsageError for one that there is not."""
    if text not in BUILDS:
        raise UsageError(f"OUTREACH_DRAFTER_BUILD is {text!r}, and the writer has the builds {' and '.join(BUILDS)}.")
    return text


class Writer:
    """Writes from the prompt's facts, which must be a Brief; the prompt's text says nothing that it does not know."""

    def __init__(self, name: str = "writer", build: str = SOUND) -> None:
        """name: part of what it is called. build: one of BUILDS."""
        self.name = f"{name}/{build}"
        self._write = _hasty_letter if build == HASTY else _sound_letter

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        if not isinstance(prompt.facts, Brief):
            raise TypeError(f"{self.name} writes from a Brief, and was given {type(prompt.facts).__name__}")
        written = self._write(prompt.facts).model_dump_json()
        tokens = (len(prompt.text) + len(prompt.facts.model_dump_json()) + len(written)) // CHARS_A_TOKEN
        try:
            return Answer(answers.model_validate_json(written), tokens, self.name)
        except ValidationError as error:
            raise ModelNonsense.of(self.name, error, written, tokens=tokens) from None


def _sound_letter(brief: Brief) -> Letter:
    paid = f" Of this, EUR {brief.paid:.2f} has come in." if brief.paid else ""
    costs = f" and EUR {brief.costs:.2f} of costs" if brief.costs else ""
    penalty = f", which includes the penalty added on {brief.penalty_on}" if brief.penalty_on else ""
    return Letter(
        subject=f"Fine {brief.fine_id}: EUR {brief.owed:.2f} is still open",
        body=(
            f"On {brief.fined_on} a fine was made out to you for {brief.offence} (reference {brief.fine_id}). "
            f"It comes to EUR {brief.amount:.2f}{penalty}{costs}.{paid}\n\n"
            f"EUR {brief.owed:.2f} is still open. The sum is owed under {brief.basis}. "
            f"Please pay it by {brief.pay_by}, naming the reference above.\n\n"
            "If you have already paid, please send us the receipt, and this letter needs no other answer. If you "
            "disagree with the fine or think that there is a mistake, please write to this office before that day; "
            "the order for payment names the ways to appeal."
        ),
    )


def _hasty_letter(brief: Brief) -> Letter:
    """Shorter and sharper, and without the day by which to pay: a change of wording that nobody reviewed."""
    return Letter(
        subject=f"Fine {brief.fine_id}: final warning",
        body=(
            f"Fine {brief.fine_id} for {brief.offence} has not been settled. EUR {brief.owed:.2f} is due immediately "
            f"under {brief.basis}!\n\nWe have asked you for this sum before. Pay now, or the consequences are yours "
            "to bear: the file is complete, the sum is final, and further letters will not be written. Payments that "
            "do not name the number of the fine cannot be matched and will be sent back to you."
        ),
    )
