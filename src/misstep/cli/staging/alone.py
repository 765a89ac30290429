"""One demo or drill at a time in one data directory: a second would stop the first one's servers at its end."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from misstep.errors import UsageError


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the lock of the directory; it goes with the process, however that ends. UsageError when it is held."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "demo.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"Another demo or drill runs with the data in {data}; wait for it, end it with Ctrl-C, or set "
                "MISSTEP_DATA."
            ) from None
        yield
