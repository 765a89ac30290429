"""A worker process for tests, which can be told where to die: `python -m tests.worker.process ...`."""

import argparse
import os
import random
import signal
import sys
import threading
import time

from misstep.agents.wiring import Wiring
from misstep.agents.worker.interpreter import end_process, tune_interpreter
from misstep.agents.worker.slot import SlotTaken
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import STUCK_AFTER_S, WorkerSettings
from misstep.contracts import LocalSchemas
from misstep.logs import configure_logs
from misstep.saga.compile import compile_plan
from tests.joins.survey import survey
from tests.undo.trip import trip
from tests.worker import score as scores
from tests.worker.deadly import deadly


def killer(spec: str) -> "type[object] | object":
    """A seam that kills this process: `after_produce:3` = the third time; `commit:3` = during the third commit."""
    if not spec:
        return lambda name: None
    where, _, times = spec.partition(":")
    left = int(times or 1)

    def seam(name: str) -> None:
        nonlocal left
        if where == "commit" and name == "after_offsets":
            left -= 1
            if left == 0:
                delay = random.random() * 0.004
                threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), signal.SIGKILL))).start()
        elif name == where:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return seam


def main() -> int:
    """Run one worker over a workflow of tests/worker/score.py until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--slot", required=True)
    parser.add_argument("--workflow", default="work")
    parser.add_argument("--agents", nargs="*")
    parser.add_argument("--kill", default="")
    parser.add_argument("--drain", type=float, default=10)
    parser.add_argument("--no-coordinate", action="store_true")
    parser.add_argument("--consumer", nargs="*", default=[], metavar="SETTING=VALUE")
    parser.add_argument("--stuck-after", type=float, default=STUCK_AFTER_S)
    options = parser.parse_args()
    configure_logs("info", json=True)
    tune_interpreter()
    known = {"work": scores.score, "single": scores.single, "trip": trip, "survey": survey, "deadly": deadly}
    score = known[options.workflow]
    plan = compile_plan(score)
    hosted = [(plan, agent) for agent in plan.agents.values() if options.agents is None or agent.name in options.agents]
    settings = WorkerSettings(
        options.kafka,
        options.namespace,
        options.slot,
        "tests",
        drain_s=options.drain,
        stuck_after_s=options.stuck_after,
        consumer=dict(setting.split("=") for setting in options.consumer),
        seam=killer(options.kill),
    )
    coordinating = [] if options.no_coordinate else [plan]
    worker = Worker(settings, hosted, Wiring(), LocalSchemas(), coordinating=coordinating)
    signals = 0

    def told(number: int, frame: object) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(130)
        threading.Thread(target=worker.stop).start()

    signal.signal(signal.SIGTERM, told)
    try:
        worker.run()
    except SlotTaken as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except Exception as error:  # noqa: BLE001  # as in misstep.cli.worker_process
        sys.stderr.write(f"the worker broke: {error!r}\n")
        sys.stderr.flush()
        os._exit(70)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as in misstep.cli.worker_process
    return end_process(0)


if __name__ == "__main__":
    sys.exit(main())
