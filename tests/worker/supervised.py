"""A worker that is started again whenever it dies."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.worker.conftest import Site


@contextmanager
def supervised(site: Site, slots: Sequence[str], *more: str) -> Iterator[list[int]]:
    """A worker that is started again whenever it dies, in one slot after the other; yields its exit codes."""
    codes: list[int] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            process = site.processes[site.start(slots[len(codes) % len(slots)], more=more)]
            while process.poll() is None:
                if stop.wait(0.02):
                    site.end(process)
                    return
            codes.append(process.returncode)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield codes
    finally:
        stop.set()
        thread.join(30)
