"""Who does something, and why: asked for wherever something is done that another will have to understand."""

from __future__ import annotations

from dataclasses import dataclass

from misstep.errors import UsageError

NAME_MAX_CHARS = 200
REASON_MAX_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a program, and its reason."""

    name: str
    reason: str

    @classmethod
    def of(cls, name: str, reason: str) -> Actor:
        """Both must be said, in one line each. UsageError otherwise."""
        for option, text, most in (("--actor", name, NAME_MAX_CHARS), ("--reason", reason, REASON_MAX_CHARS)):
            if not text.strip():
                raise UsageError(
                    f"{option} is empty; say {'who' if option == '--actor' else 'why'}, for those who come after."
                )
            if len(text) > most:
                raise UsageError(f"{option} is {len(text):,} characters long; it may have {most:,}.")
            if not text.isprintable():
                raise UsageError(f"{option} holds control characters or line breaks; write one line.")
        return cls(name.strip(), reason.strip())
