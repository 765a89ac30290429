"""Who takes part in the hop: how each is started, and what it promises."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from peers.environments import HERE, HOME, SHARED, java_of, python_of

SCRATCH = HOME / "scratch"
"""Where contestants keep state; emptied before a race."""


@dataclass(frozen=True)
class Lane:
    """Where one measurement of one contestant runs: topics and a group that nobody else uses."""

    bootstrap: str
    name: str
    partitions: int

    @property
    def source(self) -> str:
        return f"{self.name}.hop.cases"

    @property
    def target(self) -> str:
        return f"{self.name}.hop.check"

    @property
    def topics(self) -> tuple[str, str]:
        return self.source, self.target


@dataclass(frozen=True)
class Contestant:
    """One entry of the hop."""

    name: str
    title: str
    promise: str
    """What it says of losing and doubling."""
    command: Callable[[Lane], Sequence[str]]
    events: int = 240_000
    """In a full run: some eight seconds of work."""


def _python(peer: str, *more: str) -> Callable[[Lane], Sequence[str]]:
    def command(lane: Lane) -> Sequence[str]:
        program = sys.executable if peer == "raw" else str(python_of(peer))
        return [program, str(HERE / peer / "hop.py"), lane.bootstrap, lane.source, lane.target, lane.name, *more]

    return command


def _streams(interval_ms: int) -> Callable[[Lane], Sequence[str]]:
    def command(lane: Lane) -> Sequence[str]:
        state = tempfile.mkdtemp(prefix="kafka-streams-", dir=SCRATCH)
        where = [lane.bootstrap, lane.source, lane.target, lane.name]
        return [*java_of("kafka_streams"), "-Xmx512m", "Hop", *where, str(interval_ms), "1", state]

    return command


def misstep(*arguments: str) -> list[str]:
    """Misstep's own command line."""
    return [sys.executable, "-m", "misstep.cli.main", *arguments]


def environment_of(lane: Lane) -> dict[str, str]:
    """What every contestant is given; Misstep reads the settings, the others the shared models."""
    return {
        "PYTHONPATH": str(SHARED),
        "TMPDIR": str(SCRATCH),
        "MISSTEP_KAFKA": lane.bootstrap,
        "MISSTEP_NAMESPACE": lane.name,
        "MISSTEP_PARTITIONS": str(lane.partitions),
        "MISSTEP_PROJECT": str(HERE / "misstep"),
        "MISSTEP_DATA": str(HOME / "misstep" / "data"),
        "MISSTEP_SLOT": "race",
    }


EXACTLY_ONCE = "exactly once"
AT_LEAST_ONCE = "at least once"
COMMITS_WHAT_WAS_READ = "offsets of what was read every 5 s: may repeat and lose"

CONTESTANTS = [
    Contestant(
        "misstep",
        "Misstep",
        EXACTLY_ONCE,
        lambda lane: misstep("run", "hop/check", "--only", "agents", "--level", "warning"),
    ),
    Contestant("raw", "raw loop, transactions of 1,000", EXACTLY_ONCE, _python("raw", "transactional")),
    Contestant("raw_plain", "raw loop, plain", AT_LEAST_ONCE, _python("raw", "plain")),
    Contestant("streams_100ms", "Kafka Streams, commit 100 ms", EXACTLY_ONCE, _streams(100)),
    Contestant("streams_10ms", "Kafka Streams, commit 10 ms", EXACTLY_ONCE, _streams(10)),
    Contestant("quix", "Quix Streams, commit 100 ms", EXACTLY_ONCE, _python("quix", "100")),
    Contestant("faust", "faust-streaming", EXACTLY_ONCE, _python("faust"), 60_000),
    Contestant(
        "faststream", "FastStream, a message at a time", COMMITS_WHAT_WAS_READ, _python("faststream", "one"), 40_000
    ),
    Contestant("faststream_batch", "FastStream, batches", COMMITS_WHAT_WAS_READ, _python("faststream", "batch")),
]
