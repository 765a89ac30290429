"""A process that has everything imported and forks for each command: a second of imports less for every call.

Reads requests from standard input, one JSON object a line, and answers each with the exit code. What runs in the fork
is `misstep.cli.main.main`, with the directory, the environment and the standard streams of the request.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

from misstep.cli.commands import COMMANDS
from misstep.cli.main import main

CRASHED = 70


def run(arguments: list[str], cwd: str, environment: dict[str, str], streams: list[str]) -> int:
    """Run one command in this very process, which is a fork; returns its exit code."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, (path, flags) in enumerate(
        zip(streams, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True)
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    sys.argv = ["misstep", *arguments]
    try:
        return main(arguments)
    except BaseException:  # noqa: BLE001  # as the interpreter would: the traceback, and not 0
        traceback.print_exc()
        return CRASHED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    for command in COMMANDS:
        importlib.import_module(command.module)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(run(**request))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
