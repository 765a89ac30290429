"""A disk of a node's own that can be filled: a small tmpfs, where this user may mount one."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = "1500m"


class SmallDisk:
    """Mounted at `directory`; `why_not` says why it is not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.why_not = "it is not mounted"
        self._filler = directory / "filler"

    def mount(self) -> Path | None:
        """Where it is; None when this machine forbids it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "chaos", str(self.directory)],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            self.why_not = f"there is no mount: {error.strerror}"
            return None
        if done.returncode != 0:
            self.why_not = f"a small disk cannot be mounted: {done.stderr.strip()}"
            return None
        self.why_not = ""
        return self.directory

    def fill(self) -> None:
        """Leave no byte free."""
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (4_194_304, 65_536, 4_096, 512):
                with suppress(OSError):
                    while os.write(descriptor, b"\0" * size) == size:
                        continue
        finally:
            os.close(descriptor)

    def empty(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        if not self.why_not:
            subprocess.run(["umount", "-l", str(self.directory)], capture_output=True, check=False)
            self.why_not = "it is not mounted"
