"""Real servers for tests: given ones, containers, or embedded ones. Never none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from misstep.dev.kafka_jars import KAFKA_VERSION
from misstep.dev.progress import reporter_for
from misstep.dev.servers import down, up
from misstep.dev.versions import POSTGRES_MAJOR
from misstep.testing.containers import docker_answers, kafka_container, postgres_container


@dataclass(frozen=True, slots=True)
class RealServers:
    """Where the servers of a test run are.

    `data` is the embedded servers' directory, for tests that break them (`EmbeddedKafka(data / "kafka").kill()`);
    None when neither is embedded.
    """

    bootstrap_servers: str
    dsn: str
    origin: Literal["given", "containers", "embedded"]
    data: Path | None = None


@contextmanager
def real_servers(*, embedded_only: bool = False) -> Iterator[RealServers]:
    """Kafka and Postgres while the context lasts. `embedded_only`: for tests that kill or freeze them.

    Those that MISSTEP_KAFKA and MISSTEP_POSTGRES name, if both are set; else containers where a Docker engine answers;
    else embedded ones in a temporary directory. When only one is set, the other comes as it would without it.

    Raises MisstepError when they cannot be started: a test without its server fails, it does not skip.
    """
    kafka, postgres = os.environ.get("MISSTEP_KAFKA"), os.environ.get("MISSTEP_POSTGRES")
    if embedded_only:
        kafka = postgres = None
    if kafka and postgres:
        yield RealServers(kafka, postgres, "given")
        return
    with ExitStack() as stack:
        if not embedded_only and docker_answers():
            kafka = kafka or stack.enter_context(kafka_container(KAFKA_VERSION))
            postgres = postgres or stack.enter_context(postgres_container(POSTGRES_MAJOR))
            yield RealServers(kafka, postgres, "containers")
            return
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="misstep-servers-")))
        stack.callback(down, data)
        state = up(data, progress=reporter_for())
        assert state.kafka.bootstrap_servers is not None
        assert state.postgres.dsn is not None
        yield RealServers(kafka or state.kafka.bootstrap_servers, postgres or state.postgres.dsn, "embedded", data)
