"""What a dependency can bear, as people write it: `5 failures, 30s` of a breaker, `50/s` of a rate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from misstep.agents.duration import duration_ms
from misstep.errors import UsageError

_BREAKER = re.compile(r"\s*(\d+)\s+failures?\s*,\s*(\S.*)")
_RATE = re.compile(r"\s*(\d+)\s*/\s*(s|m|h)\s*")
_PER_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000}


@dataclass(frozen=True, slots=True)
class Breaker:
    """So many failures in a row, and nobody calls for so long."""

    failures: int
    open_ms: int


DEFAULT_BREAKER: Final = Breaker(5, 30_000)
"""Of a dependency that declares none."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so much time."""

    calls: int
    per_ms: int


def read_breaker(text: str, *, what: str) -> Breaker:
    """The breaker of `5 failures, 30s`. UsageError, naming `what`."""
    found = _BREAKER.fullmatch(text)
    if found is None or int(found[1]) < 1:
        raise UsageError(f"{what}: breaker {text!r} is none; write it like '5 failures, 30s'.")
    return Breaker(int(found[1]), duration_ms(found[2], what=f"{what}: the breaker's time"))


def read_rate(text: str, *, what: str) -> Rate:
    """The rate of `50/s`, `50/m` or `50/h`. UsageError, naming `what`."""
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) < 1:
        raise UsageError(f"{what}: rate {text!r} is none; write it like '50/s', '50/m' or '50/h'.")
    return Rate(int(found[1]), _PER_MS[found[2]])
