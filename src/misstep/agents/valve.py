"""A valve: when too many of an agent's turns end as dead letters, the agent stands still instead of going on.

Plain values and decisions; who holds the agent and says so is `worker/tripwire.py`.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from misstep.errors import UsageError

TURNS_MAX = 100_000
_WRITTEN = re.compile(r"\s*(\d{1,3}(?:\.\d{1,3})?)\s*%\s+of\s+(\d{1,9})\s*")


@dataclass(frozen=True, slots=True)
class Valve:
    """More than `share` of the last `of` turns as dead letters are too many."""

    share: Fraction
    of: int

    @property
    def letters_max(self) -> int:
        """So many dead letters among the last `of` turns are still borne."""
        return int(self.share * self.of)

    def __str__(self) -> str:
        return f"{float(self.share * 100):g}% of {self.of}"


def valve_of(text: str, *, what: str) -> Valve:
    """The valve that "50% of 100" means. UsageError, naming `what`, when it means none."""
    found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UsageError(f'{what}: valve={text!r} is no valve; write it like "50% of 100": a share of the last turns.')
    valve = Valve(Fraction(found[1]) / 100, int(found[2]))
    if not 1 <= valve.of <= TURNS_MAX:
        raise UsageError(f"{what}: valve={text!r}: write 1 to {TURNS_MAX:,} turns.")
    if not 0 < valve.share < 1:
        raise UsageError(f"{what}: valve={text!r} can never trip, or always; write a share between 0% and 100%.")
    return valve


class Gauge:
    """Counts dead letters among the last turns."""

    def __init__(self, valve: Valve) -> None:
        self._valve = valve
        self._last: deque[bool] = deque(maxlen=valve.of)
        self.letters = 0

    @property
    def turns(self) -> int:
        """Of how many turns it knows; at most those that the valve looks at."""
        return len(self._last)

    def count(self, letter: bool) -> bool:
        """A turn is over, as a dead letter or otherwise; whether that are too many now."""
        if len(self._last) == self._valve.of:
            self.letters -= self._last[0]
        self._last.append(letter)
        self.letters += letter
        return letter and self.letters > self._valve.letters_max

    def reset(self) -> None:
        """Begin to count anew."""
        self._last.clear()
        self.letters = 0
