"""A worker process, as `misstep run` starts it: `python -m misstep.cli.worker_process --index 0`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from misstep.agents.worker.interpreter import end_process, tune_interpreter
from misstep.agents.worker.slot import Ousted, blameless, note_blameless, ousted_again, take_slot
from misstep.agents.worker.worker import ClientStuck
from misstep.cli.serve_metrics import metrics_options, serve_metrics
from misstep.cli.until_eof import LEFT_ALONE_S, drain_at_eof
from misstep.composition import Environment, environment
from misstep.errors import MisstepError
from misstep.logs import configure_logs


def main(compose: Callable[[], Environment] = environment) -> int:
    """Run one worker until SIGTERM; a second signal ends the process at once.

    `compose` makes the environment: a drill brings a project of its own.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=int, required=True, help="index of the slot on this host")
    parser.add_argument("--level", default="info")
    metrics_options(parser)
    parser.add_argument("--until-eof", action="store_true", help="drain when standard input ends")
    parser.add_argument("--coordinate", choices=["too", "no", "only"], default="too", help="take failed cases back")
    parser.add_argument("--no-carry", action="store_true", help="one transaction for each turn")
    parser.add_argument("agents", nargs="*", help="WORKFLOW or WORKFLOW/AGENT; all without any")
    options = parser.parse_args()
    configure_logs(options.level)
    log = structlog.get_logger("misstep.worker")
    tune_interpreter()
    try:
        env = compose()
        slots = env.data / "slots"
        slot = take_slot(slots, env.settings.slot, options.index)
        worker = env.worker(
            slot.name,
            options.agents,
            coordinate=options.coordinate,
            carry=not options.no_carry,
            blameless=blameless(slots, slot.name),
        )
        serve_metrics(options, "worker", env.build, worker.metrics.registry)
    except MisstepError as error:
        log.error("cannot start", why=str(error))
        return error.exit_code
    signals = 0

    def told(number: int, frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(130)
        threading.Thread(target=worker.stop).start()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    if options.until_eof:
        drain_at_eof(LEFT_ALONE_S)
    try:
        worker.run()
    except Ousted as error:
        if ousted_again(slots, slot.name, time.time()):
            log.error("stopped", why=str(error))
            return error.exit_code
        note_blameless(slots, slot.name, worker.incarnation)
        log.error("its place in a consumer group was taken; it is restarted in its slot")
        os._exit(70)
    except MisstepError as error:
        log.error("stopped", why=str(error))
        return error.exit_code
    except Exception as error:
        if isinstance(error, ClientStuck):
            note_blameless(slots, slot.name, worker.incarnation)
        log.exception("the worker broke; it is restarted in its slot")
        os._exit(70)  # at once: a thread may hang in the client library
    for number in (signal.SIGTERM, signal.SIGINT):  # drained: a late signal must not make a clean end look like a kill
        signal.signal(number, signal.SIG_IGN)
    return end_process(0)


if __name__ == "__main__":
    sys.exit(main())
