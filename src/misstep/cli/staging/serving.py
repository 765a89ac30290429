"""Kafka and Postgres while a demo or a drill lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from misstep.composition import Environment
from misstep.dev.progress import Reporter
from misstep.dev.servers import down, status, up


@contextmanager
def serving(env: Environment, progress: Reporter) -> Iterator[None]:
    """The given servers, or the embedded ones: started if they are down, and then stopped at the end."""
    if env.settings.kafka and env.settings.postgres:
        yield
        return
    before = status(env.data)
    try:
        up(env.data, progress=progress)
        yield
    finally:
        if before.kafka.state == before.postgres.state == "down":
            down(env.data)
