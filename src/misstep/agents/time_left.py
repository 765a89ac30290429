"""How much of its time budget a case has left."""

from __future__ import annotations

import math
from datetime import datetime


def time_left_s(deadline: bytes, now_s: float) -> float:
    """Seconds from `now_s` (since the epoch) until an RFC 3339 text; without end when a foreign text cannot be read."""
    try:
        return datetime.fromisoformat(deadline.decode()).timestamp() - now_s
    except ValueError:
        return math.inf
