"""A process that must not outlive the one that started it: standard input is a pipe whose other end that one holds.

The kernel closes that end however the holder dies, SIGKILL included, on every system that has pipes.
"""

from __future__ import annotations

import os
import signal
import threading
import time

INPUT = 0
LEFT_ALONE_S = 30.0
"""How long a child of `misstep run` drains at most when the run is gone: a turn that never ends must not keep it."""


def drain_at_eof(most_s: float | None = None) -> None:
    """Watch standard input in a thread of its own; at its end this process is sent SIGTERM, as by Ctrl-C.

    `most_s`: how long it may then take to drain, as nobody is left to end one that does not; None: for ever.
    """

    def watch() -> None:
        while os.read(INPUT, 1_024):
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        if most_s is not None:
            time.sleep(most_s)
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="until eof", daemon=True).start()
