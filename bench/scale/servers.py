"""The servers of a bench: given ones, or a pair of its own in a temporary directory."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from misstep.dev.servers import down, up


@dataclass(frozen=True)
class BenchServers:
    """Where the servers are, and their processes where these are known: then their CPU is measured too."""

    kafka: str
    postgres: str
    kafka_pid: int | None = None
    postgres_pid: int | None = None


def server_options(parser: argparse.ArgumentParser) -> None:
    """Options that name running servers."""
    parser.add_argument("--kafka", help="a running broker; default: an embedded one of its own")
    parser.add_argument("--postgres", help="DSN of a running Postgres; default: an embedded one of its own")
    parser.add_argument("--kafka-pid", type=int, help="its process, if it runs on this machine: its CPU is measured")
    parser.add_argument("--postgres-pid", type=int, help="the same for Postgres")


@contextmanager
def bench_servers(options: argparse.Namespace) -> Iterator[BenchServers]:
    """Servers while the context lasts."""
    if options.kafka and options.postgres:
        yield BenchServers(options.kafka, options.postgres, options.kafka_pid, options.postgres_pid)
        return
    with tempfile.TemporaryDirectory(prefix="misstep-bench-") as directory:
        state = up(Path(directory))
        try:
            assert state.kafka.bootstrap_servers is not None
            assert state.postgres.dsn is not None
            yield BenchServers(
                options.kafka or state.kafka.bootstrap_servers,
                options.postgres or state.postgres.dsn,
                options.kafka_pid if options.kafka else state.kafka.pid,
                options.postgres_pid if options.postgres else state.postgres.pid,
            )
        finally:
            down(Path(directory))
