"""When which fault begins and ends: drawn from a seed before anything begins, so that it can be repeated."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from misstep.testing.chaos.fault import Fault

SHORTEST_S, LONGEST_S = 3.0, 10.0
LONG_S = 12.0
PAUSE_S = 4.0
AT_LEAST_S = 0.5
"""Of a fault that is over when it has begun: it ends after its beginning all the same."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault, from and to seconds after the beginning; `seed` is for what it draws itself."""

    fault: type[Fault[Any]]
    begin_s: float
    end_s: float
    seed: str


def alone(fault: type[Fault[Any]], seconds: float, seed: str) -> list[Planned]:
    """One fault, for so long."""
    return [Planned(fault, 0.0, max(seconds, AT_LEAST_S), f"{seed}/0")]


def mixed(faults: Sequence[type[Fault[Any]]], seconds: float, seed: str, *, at_once: int = 2) -> list[Planned]:
    """Faults that touch different things, up to `at_once` at a time, each for 3 s or more, until `seconds` are over.

    Each kind comes once before any comes again. A fault that lasts long by itself has its own time.
    """
    chance = random.Random(seed)
    plan: list[Planned] = []
    waiting: list[type[Fault[Any]]] = []
    now = 0.0
    while True:
        now += chance.uniform(0.5, PAUSE_S)
        going = [one for one in plan if one.end_s > now]
        if len(going) >= at_once:
            now = min(one.end_s for one in going)
            going = [one for one in going if one.end_s > now]
        if not waiting:
            waiting = list(faults)
            chance.shuffle(waiting)
        touched = frozenset[str]().union(*(one.fault.touches for one in going))
        fault = next((one for one in waiting if not one.touches & touched), None)
        if fault is None:
            continue
        waiting.remove(fault)
        drawn = min(fault.seconds, chance.uniform(SHORTEST_S, LONGEST_S))
        lasts = fault.seconds if fault.seconds >= LONG_S else max(drawn, AT_LEAST_S)
        if now + lasts > seconds:
            return plan
        plan.append(Planned(fault, now, now + lasts, f"{seed}/{len(plan)}"))
