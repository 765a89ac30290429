"""Commands that die, or stand still, at a stated moment: TEST_SEAM=where:times[:stop] in the request's environment.

Imported once and forked for each command, as tests/cli/warm.py is.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import sys

from misstep.cli import queue, redrive
from misstep.cli.commands import COMMANDS
from tests.cli.warm import run


def at_the_seam(spec: str) -> None:
    """Let the process kill itself, or stop, at the stated moment."""
    where, times, *how = spec.split(":")
    left = int(times)

    def seam(name: str) -> None:
        nonlocal left
        left -= name == where
        if left == 0:
            left = -1
            os.kill(os.getpid(), signal.SIGSTOP if how else signal.SIGKILL)

    redrive.Replay = functools.partial(redrive.Replay, seam=seam)  # type: ignore[assignment,misc]
    queue.Answering = functools.partial(queue.Answering, seam=seam)  # type: ignore[assignment,misc]


if __name__ == "__main__":
    for command in COMMANDS:
        importlib.import_module(command.module)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            at_the_seam(request["environment"]["TEST_SEAM"])
            os._exit(run(**request))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
