"""Starting commands that die, or stand still, at a stated moment (see replay_process.py)."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.dlq.conftest import Shop

ROOT = Path(__file__).resolve().parents[2]


@cache
def commands_that_die() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.dlq.replay_process"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    atexit.register(process.kill)
    return process


@dataclass(frozen=True)
class Dying:
    """A command that dies, or stands still, at a seam of the replay."""

    pid: int
    server: subprocess.Popen[str]

    def wait(self) -> int:
        assert self.server.stdout is not None
        return int(self.server.stdout.readline())


def start(shop: Shop, seam: str, *arguments: str) -> Dying:
    server = commands_that_die()
    assert server.stdin is not None
    assert server.stdout is not None
    environment = {**shop.cli.environment, "TEST_SEAM": seam}
    streams = ["/dev/null"] * 3
    request = {"arguments": arguments, "cwd": str(shop.cli.cwd), "environment": environment, "streams": streams}
    print(json.dumps(request), file=server.stdin, flush=True)
    return Dying(int(server.stdout.readline()), server)
