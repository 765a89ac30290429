"""The command line as a user calls it: a process, its output, its exit code."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import Servers

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "127.0.0.1:1"
"""An address where no server is."""


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one sentence that an error is; fails the test when there is more or it is a traceback."""
        assert "Traceback" not in self.err, self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("Error: ")
        return lines[0].removeprefix("Error: ")


@cache
def _warm_process() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.warm"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.kill)
    return process


@dataclass(frozen=True)
class Cli:
    """Calls `misstep` in a directory and an environment of its own."""

    cwd: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.variables["MISSTEP_NAMESPACE"]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MISSTEP_")}
        return {**inherited, "COLUMNS": "200", **self.variables}

    def __call__(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Result:
        with tempfile.TemporaryDirectory() as directory:
            streams = [Path(directory, name) for name in ("in", "out", "err")]
            for stream in streams:
                stream.write_bytes(stdin if stream.name == "in" else b"")
            request = {
                "arguments": arguments,
                "cwd": str(self.cwd),
                "environment": {**self.environment, **variables},
                "streams": [str(stream) for stream in streams],
            }
            warm = _warm_process()
            assert warm.stdin is not None
            assert warm.stdout is not None
            print(json.dumps(request), file=warm.stdin, flush=True)
            code = int(warm.stdout.readline())
            return Result(code, streams[1].read_text(), streams[2].read_text())

    def start(self, *arguments: str, stderr: IO[bytes] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "misstep.cli.main", *arguments],
            cwd=self.cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )


def at(servers: Servers, cwd: Path, data: Path, **variables: str) -> Cli:
    """The command line at the servers, in a namespace of its own."""
    given = {
        "MISSTEP_KAFKA": servers.kafka,
        "MISSTEP_POSTGRES": servers.postgres,
        "MISSTEP_NAMESPACE": f"cli-{secrets.token_hex(4)}",
        "MISSTEP_DATA": str(data),
        "MISSTEP_PARTITIONS": "2",
    }
    return Cli(cwd, {**given, **variables})


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `misstep new` makes it."""
    parent = tmp_path_factory.mktemp("made")
    made = Cli(parent)("new", "order-desk", "--json")
    assert made.code == 0, made.err
    return Path(made.json["root"])


@pytest.fixture(scope="session")
def applied(servers: Servers, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The project, applied; nothing runs."""
    cli = at(servers, project, tmp_path_factory.mktemp("data"))
    done = cli("apply", "--json")
    assert done.code == 0, done.err
    return cli


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file to write cases into."""
    return tmp_path / "cases.jsonl"
