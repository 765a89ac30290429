"""The interpreter's own settings in a worker process; each was measured (RATIONALE.md, "Speed")."""

from __future__ import annotations

import ctypes
import gc
import sys

SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the interpreter from another: the commit thread must get in between long reads."""
GC_THRESHOLD = 100_000
"""Allocations between collections: a turn makes few cycles, and a collection stops every thread."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def tune_interpreter() -> None:
    """Set this process up for many short turns beside a commit thread that must not wait."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    _keep_memory()


def _keep_memory() -> None:
    """One arena that is not given back between batches: events are made in one thread and let go in another."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc; other C libraries have their own ways
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
