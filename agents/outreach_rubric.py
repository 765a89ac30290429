"""Is a letter good enough to go out? A rubric: each criterion scored by itself, all of them weighed. Pure.

It reads the letter as a stranger would: whoever wrote it, and whatever it was told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rooms.contracts.outreach import Brief, Letter

THRESHOLD: Final = 0.82
"""A letter below it does not go out. Weights are such that no letter without its amount or its deadline reaches it."""

_NUMBER: Final = r"(\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?)"
_SUM: Final = re.compile(rf"(?:EUR|€)\s*{_NUMBER}|{_NUMBER}\s*(?:EUR|€|euros?\b)", re.IGNORECASE)
_THREATS: Final = re.compile(
    r"\b(immediately|final warning|last warning|or else|bailiffs?|prison|jail|seiz\w+|consequences|ruthless\w*)\b", re.I
)
_SHOUTED: Final = re.compile(r"\b[A-Z]{5,}\b")
WORDS_AT_LEAST, WORDS_AT_MOST = 60, 260


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a letter must do."""

    name: str
    weight: float
    asks: str
    """In words, for whoever writes the next draft."""
    score: Callable[[Letter, Brief], float]
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the rubric says of a letter."""

    scores: Mapping[str, float]
    """By criterion."""
    total: float

    @property
    def passes(self) -> bool:
        return self.total >= THRESHOLD

    @property
    def missing(self) -> list[str]:
        """What the criteria that are not met in full ask for, in words."""
        return [criterion.asks for criterion in RUBRIC if self.scores[criterion.name] < 1]


def mark(letter: Letter, brief: Brief) -> Marks:
    """Score a letter about what it was to say."""
    scores = {criterion.name: criterion.score(letter, brief) for criterion in RUBRIC}
    return Marks(scores, round(sum(criterion.weight * scores[criterion.name] for criterion in RUBRIC), 4))


def _amount(letter: Letter, brief: Brief) -> float:
    """The sum owed is named, and every other sum is one of the fine's."""
    named = {_figure(one or other) for one, other in _SUM.findall(f"{letter.subject}\n{letter.body}")}
    known = {brief.owed, brief.amount, brief.costs, brief.paid, brief.amount + brief.costs}
    return 1.0 if brief.owed in named and named <= known else 0.0


def _figure(text: str) -> Decimal:
    """1,234.50 and 1.234,50 alike."""
    whole, _, cents = re.sub(r"[.,](?=\d{3})", "", text).replace(",", ".").partition(".")
    return Decimal(f"{whole}.{cents or 0}")


def _deadline(letter: Letter, brief: Brief) -> float:
    day = brief.pay_by
    spoken = f"{day.day} {day:%B %Y}"
    return 1.0 if any(said in letter.body for said in (day.isoformat(), spoken, f"{day:%d/%m/%Y}")) else 0.0


def _basis(letter: Letter, brief: Brief) -> float:
    """Half for each: the article, and the law that it is of."""
    articles = re.findall(r"art\. (\S+)", brief.basis)
    cited = all(re.search(rf"\bart(?:icle|\.)\s*{re.escape(article)}\b", letter.body) for article in articles)
    return 0.5 * cited + 0.5 * ("285/1992" in letter.body)


def _reference(letter: Letter, brief: Brief) -> float:
    return 1.0 if re.search(rf"(?<!\w){re.escape(brief.fine_id)}(?!\w)", f"{letter.subject}\n{letter.body}") else 0.0


def _way_out(letter: Letter, brief: Brief) -> float:
    """It says what to do when the person has paid already, or does not agree."""
    body = letter.body.lower()
    return 0.5 * ("already paid" in body or "have paid" in body) + 0.5 * (
        any(word in body for word in ("disagree", "do not agree", "dispute", "mistake", "appeal"))
    )


def _tone(letter: Letter, brief: Brief) -> float:
    """Polite, without threats, shouting or exclamation marks."""
    text = f"{letter.subject}\n{letter.body}"
    faults = bool(_THREATS.search(text)) + bool(_SHOUTED.search(text.replace(brief.fine_id, ""))) + ("!" in text)
    return max(0.0, (1.0 if re.search(r"\bplease\b", text, re.I) else 0.5) - 0.5 * faults)


def _length(letter: Letter, brief: Brief) -> float:
    words = len(letter.body.split())
    if WORDS_AT_LEAST <= words <= WORDS_AT_MOST:
        return 1.0
    return 0.5 if WORDS_AT_LEAST * 0.6 <= words <= WORDS_AT_MOST * 1.5 else 0.0


RUBRIC: Final = (
    Criterion("amount", 0.25, "name the sum that is owed, and no sum that is not of this fine", _amount),
    Criterion("deadline", 0.20, "name the day by which to pay", _deadline),
    Criterion("legal_basis", 0.15, "cite the articles and the law (D.Lgs. 285/1992)", _basis),
    Criterion("tone", 0.15, "be polite: say please, do not threaten, do not shout", _tone),
    Criterion("reference", 0.10, "name the fine by its number", _reference),
    Criterion("way_out", 0.10, "say what to do who has paid already or does not agree", _way_out),
    Criterion("length", 0.05, f"take {WORDS_AT_LEAST} to {WORDS_AT_MOST} words", _length),
)
