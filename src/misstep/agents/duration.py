"""Durations as people write them: "250ms", "2s", "5m", "24h", "7d"."""

from __future__ import annotations

import re
from datetime import timedelta

from misstep.errors import UsageError

_PARTS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str | timedelta, *, what: str = "duration") -> int:
    """Milliseconds of "1m30s", "2s", "250ms" or a timedelta. UsageError, naming `what`, when it is none or not > 0."""
    if isinstance(text, timedelta):
        total = int(text.total_seconds() * 1000)
    else:
        exact, end = 0.0, 0
        for match in _PARTS.finditer(text):
            if match.start() != end:
                break
            exact += float(match[1]) * _MS[match[2]]
            end = match.end()
        if not text.strip() or end != len(text):
            raise UsageError(f"{what} {text!r} is not a duration; write it like '250ms', '2s', '5m', '24h' or '7d'.")
        total = int(exact)
    if total <= 0:
        raise UsageError(f"{what} {text!r} must be longer than nothing.")
    return total
