"""The interpreter's own settings in a worker process; each was measured (RATIONALE.md, "Speed")."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading

SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the interpreter from another: the commit thread must get in between long reads."""
GC_THRESHOLD = 500_000
"""Allocations between collections: a turn makes few cycles, and a collection stops every thread."""
BLOCKING = "blocking"
"""Name of the threads of blocking turns."""
END_S = 1.0

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def tune_interpreter() -> None:
    """Set this process up for many short turns beside a commit thread that must not wait."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    _keep_memory()


def end_process(code: int) -> int:
    """End a process all of whose finished work has been committed, at once: a thread that is inside a turn would keep
    it, and so may a Kafka client that is taken apart in the midst of joining its group."""
    blocking = [thread for thread in threading.enumerate() if thread.name.startswith(BLOCKING)]
    for thread in blocking:
        thread.join(END_S / len(blocking))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _keep_memory() -> None:
    """One arena that is not given back between batches: events are made in one thread and let go in another."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc; other C libraries have their own ways
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
