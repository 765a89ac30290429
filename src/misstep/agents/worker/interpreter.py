"""The interpreter's own settings in a worker process; each was measured (RATIONALE.md)."""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the interpreter from another: the commit thread must get in between long reads."""
GC_THRESHOLD = 50_000
"""Allocations between collections: a turn makes few cycles, and a collection stops every thread."""


def tune_interpreter() -> None:
    """Set this process up for many short turns beside a commit thread that must not wait."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(GC_THRESHOLD, 20, 20)
