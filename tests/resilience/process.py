"""A worker over `scanned`, which can be told where to die: `python -m tests.resilience.process KAFKA NS DSN KILL`."""

import signal
import sys
import threading

from misstep.agents.wiring import Wiring
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.contracts import LocalSchemas
from misstep.logs import configure_logs
from misstep.saga.compile import compile_plan
from tests.resilience.score import scanned
from tests.worker.process import killer


def main() -> None:
    kafka, namespace, dsn, kill = sys.argv[1:]
    configure_logs("info", json=True)
    plan = compile_plan(scanned)
    settings = WorkerSettings(
        kafka,
        namespace,
        "step-0",
        "tests",
        drain_s=2,
        postgres=dsn,
        seam=killer(kill),  # type: ignore[arg-type]
    )
    worker = Worker(settings, [(plan, agent) for agent in plan.agents.values()], Wiring(), LocalSchemas())
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=worker.stop).start())
    worker.run()


if __name__ == "__main__":
    main()
