"""A worker whose clock jumps: a library of a few lines between it and the kernel."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path

from misstep.testing.chaos import Fault, NotHere
from tests.chaos.site import Site

SOURCE = Path(__file__).parent / "clock.c"
JUMPS_S = (-300, -20, -2, 0, 2, 20, 300)


class ClockJumps(Fault[Site]):
    name = "clock-jumps"
    what = "a worker's clock jumps by up to five minutes, forward and back"
    touches = frozenset({"workers"})
    seconds = 14.0
    file: Path | None = None

    def start(self, site: Site, chance: random.Random) -> str:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise NotHere("there is no C compiler")
        library = site.directory / "clock.so"
        if not library.exists():
            done = subprocess.run(
                [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise NotHere(f"the library does not compile: {done.stderr.strip()[:300]}")
        self.file = site.directory / "clock-offset"
        self._jump(0)
        environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self.file)}
        site.run("worker-clock", "--only", "agents", "--no-coordinator", environment=environment)
        return "worker-clock, a third worker"

    def during(self, site: Site, chance: random.Random) -> None:
        self._jump(chance.choice(JUMPS_S))

    def _jump(self, seconds: int) -> None:
        assert self.file is not None
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    def end(self, site: Site) -> None:
        if self.file is not None:
            self._jump(0)
        site.stop("worker-clock")
