"""A worker in the test's own process, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from misstep.agents.plan import Plan
from misstep.agents.wiring import Wiring
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.contracts import LocalSchemas


@contextmanager
def hosting(
    kafka: str, namespace: str, plan: Plan, wiring: Wiring, *, postgres: str | None = None, slot: str = "test-0"
) -> Iterator[Worker]:
    """A worker over all agents of a plan, drained at the end; what it raises, the block's end raises."""
    settings = WorkerSettings(kafka, namespace, slot, "tests", drain_s=5, postgres=postgres)
    worker = Worker(settings, [(plan, agent) for agent in plan.agents.values()], wiring, LocalSchemas())
    broke: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001  # raised again in the test
            broke.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert worker.ready.wait(20)
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(30)
    assert not thread.is_alive(), "the worker did not drain"
    if broke:
        raise broke[0]
