"""`misstep`: the command line's entry."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from misstep.cli.interrupts import ends_at_once


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's); returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with ends_at_once():
        from misstep.cli.app import app
        from misstep.cli.saying_errors import saying_errors
        from misstep.logs import configure_logs
    configure_logs("warning")  # to standard error: what a command prints is its answer
    code = saying_errors(lambda: app(given, prog_name="misstep", standalone_mode=False), as_json="--json" in given)
    if arguments is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is the interpreter's own end
    return code


if __name__ == "__main__":
    sys.exit(main())
