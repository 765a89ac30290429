"""`misstep redrive replay` in a process that dies, or stands still, at a stated moment: SEAM:TIMES[:stop] ARGUMENTS."""

from __future__ import annotations

import functools
import os
import signal
import sys

import misstep.cli.redrive as redrive
from misstep.cli.main import main


def main_with_seam(spec: str, arguments: list[str]) -> int:
    where, times, *how = spec.split(":")
    left = int(times)

    def seam(name: str) -> None:
        nonlocal left
        left -= name == where
        if left == 0:
            left = -1
            os.kill(os.getpid(), signal.SIGSTOP if how else signal.SIGKILL)

    redrive.Replay = functools.partial(redrive.Replay, seam=seam)  # type: ignore[assignment,misc]
    return main(arguments)


if __name__ == "__main__":
    sys.exit(main_with_seam(sys.argv[1], sys.argv[2:]))
