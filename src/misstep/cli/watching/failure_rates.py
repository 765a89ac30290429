"""How many of an agent's turns fail with a reason, in a window that moves with time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

SLOTS = 20
"""A window moves on in so many steps: what is remembered of an agent does not grow with its turns."""
OK = "ok"


@dataclass(frozen=True, slots=True)
class FailureRate:
    """A rate that is over what is borne."""

    workflow: str
    agent: str
    reason: str
    turns: int
    """The agent's turns within the window."""
    failures: int
    """Those that failed with the reason."""
    at_s: float
    """Where the window ends (seconds since 1970)."""

    @property
    def rate(self) -> float:
        return self.failures / self.turns


class FailureRates:
    """Counts turns, and says which reasons are over.

    Counting and saying are two things, because a turn that went well and one that failed stand in different topics:
    which is read first is chance, and a rate is right only when both have been read.

    window_s: how far back turns count. over: the share that is borne (0.05: 5 %). at_least: with fewer turns within
    the window nothing is said.
    """

    def __init__(self, window_s: float, over: float, at_least: int) -> None:
        self.window_s = window_s
        self._slot_s = window_s / SLOTS
        self._over = over
        self._at_least = at_least
        self._slots: defaultdict[tuple[str, str], defaultdict[int, Counter[str]]]
        self._slots = defaultdict(lambda: defaultdict(Counter))
        self._said: dict[tuple[str, str, str], float] = {}

    def add(self, workflow: str, agent: str, reason: str, at_s: float) -> None:
        """Count a turn that was written at `at_s`, in whatever order they come."""
        self._slots[workflow, agent][int(at_s // self._slot_s)][reason] += 1

    def over(self, until_s: float) -> list[FailureRate]:
        """What is over in the window that ends at the last whole step before `until_s`.

        A rate that stays over is said again after each further window. What is older than the window is forgotten.
        """
        end = math.floor(until_s / self._slot_s)
        at_s = end * self._slot_s
        found = []
        for (workflow, agent), slots in list(self._slots.items()):
            for number in [number for number in slots if number < end - SLOTS]:
                del slots[number]
            within: Counter[str] = Counter()
            for number, counted in slots.items():
                if number < end:
                    within += counted
            turns = within.total()
            for reason, failures in within.items():
                if reason == OK or turns < self._at_least or failures <= self._over * turns:
                    continue
                key = (workflow, agent, reason)
                if at_s - self._said.get(key, -math.inf) >= self.window_s:
                    self._said[key] = at_s
                    found.append(FailureRate(workflow, agent, reason, turns, failures, at_s))
            if not slots:
                del self._slots[workflow, agent]
        return found
