"""Servers for the tests of the embedded servers: one pair for all who can share it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.postgres import EmbeddedPostgres
from misstep.dev.servers import down, status, up
from misstep.dev.state import ServerState

UP_IN_A_COMMAND = """
import json, sys
from pathlib import Path
from misstep.dev.servers import up
from misstep.errors import MisstepError
try:
    print(json.dumps(up(Path(sys.argv[1])).as_dict()))
except MisstepError as error:
    sys.exit(str(error))
"""


def start_up_command(data: Path) -> subprocess.Popen[str]:
    """A process of its own that runs `up` on `data` and prints the state."""
    return subprocess.Popen(
        (sys.executable, "-c", UP_IN_A_COMMAND, str(data)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer_of(command: subprocess.Popen[str]) -> dict[str, dict[str, str | int | None]]:
    """What the command printed; fails when the command did."""
    out, err = command.communicate(timeout=60)
    assert command.returncode == 0, err
    answer: dict[str, dict[str, str | int | None]] = json.loads(out)
    return answer


@dataclass(frozen=True)
class StartedByACommand:
    """`printed`: the state as the command gave it; `afterwards`: as it was found once the command had ended."""

    data: Path
    printed: dict[str, dict[str, str | int | None]]
    afterwards: ServerState


@pytest.fixture(scope="session")
def started_by_a_command() -> Iterator[StartedByACommand]:
    """Servers started by a command that has ended since."""
    # Not pytest's own temporary directory: that is closed to the user whom Postgres runs as under root.
    with tempfile.TemporaryDirectory(prefix="misstep-dev-") as directory:
        data = Path(directory) / "servers"
        try:
            printed = answer_of(start_up_command(data))
            yield StartedByACommand(data, printed, status(data))
        finally:
            down(data)


@pytest.fixture
def data(started_by_a_command: StartedByACommand) -> Path:
    """The shared data directory, its servers up."""
    up(started_by_a_command.data)
    return started_by_a_command.data


@pytest.fixture
def state(data: Path) -> ServerState:
    """The state of the shared servers."""
    return up(data)


@pytest.fixture
def kafka(data: Path) -> EmbeddedKafka:
    """The shared broker."""
    return EmbeddedKafka(data / "kafka")


@pytest.fixture
def postgres(data: Path) -> EmbeddedPostgres:
    """The shared database server."""
    return EmbeddedPostgres(data / "postgres")


@pytest.fixture
def own_data() -> Iterator[Path]:
    """A data directory of the test's own, not yet there; whatever runs in it afterwards is stopped."""
    with tempfile.TemporaryDirectory(prefix="misstep-dev-") as directory:
        data = Path(directory) / "servers"
        try:
            yield data
        finally:
            if data.is_dir():
                EmbeddedKafka(data / "kafka").stop()
                EmbeddedPostgres(data / "postgres").stop()
