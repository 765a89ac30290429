"""One process at a time: a lock that the kernel gives back when its holder dies."""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from misstep.dev.cancel import check_cancelled

POLL_S = 0.05


@contextmanager
def exclusive(
    path: Path, *, on_wait: Callable[[], None] | None = None, cancel: threading.Event | None = None
) -> Iterator[None]:
    """Hold the lock file `path`; while another holds it, wait (`on_wait` is called once).

    Raises OSError when the file cannot be made, StartCancelledError when `cancel` is set while waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        waiting = False
        # Polled, since a blocking flock in a thread could not be given up when the command is interrupted.
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting and on_wait is not None:
                    on_wait()
                waiting = True
                check_cancelled(cancel)
                time.sleep(POLL_S)
        yield
