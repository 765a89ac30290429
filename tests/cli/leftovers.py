"""Processes that a command has left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path


def living_with(text: str) -> list[str]:
    """Command lines of the living processes, this one apart, that have `text` in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it ended, or is somebody else's
        if text.encode() in environment and command:
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def none_left(text: str, within_s: float = 5.0) -> bool:
    """Whether every one of them is gone, or goes within a moment."""
    until = time.monotonic() + within_s
    while living_with(text):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
