"""The audit sink's process, as `misstep run` starts it: `python -m misstep.cli.sink_process --instance NAME`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import structlog

from misstep.bus.registry import KafkaSchemas
from misstep.cli.avro_for_audit import AvroForAudit
from misstep.cli.serve_metrics import metrics_options, serve_metrics
from misstep.cli.until_eof import LEFT_ALONE_S, drain_at_eof
from misstep.composition import Environment, environment
from misstep.errors import MisstepError
from misstep.logs import configure_logs
from misstep.store.sink import Sink

BROKE = 70


def main(compose: Callable[[], Environment] = environment) -> int:
    """Run a sink for each workflow, and the watchdog, until SIGTERM; a second signal ends the process at once.

    `compose` makes the environment: a drill brings a project of its own.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instance", help="a name that is stable across restarts, different for each sink process")
    parser.add_argument("--level", default="info")
    metrics_options(parser)
    parser.add_argument("--until-eof", action="store_true", help="drain when standard input ends")
    parser.add_argument("workflows", nargs="*", help="default: all of the project")
    options = parser.parse_args()
    configure_logs(options.level)
    log = structlog.get_logger("misstep.sink")
    stop = threading.Event()
    signals = 0

    def told(number: int, frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(130)
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    if options.until_eof:
        drain_at_eof(LEFT_ALONE_S)
    try:
        env = compose()
        serve_metrics(options, "audit sink", env.build)
        sinks = {name: sink_of(env, name, options.instance) for name in (options.workflows or env.plans)}
        watchdog = env.watchdog(list(sinks))
    except MisstepError as error:
        log.error("cannot start", why=str(error))
        return error.exit_code
    codes: list[int] = []

    def run(workflow: str, sink: Sink) -> None:
        try:
            sink.run(stop)
        except MisstepError as error:
            log.error("stopped", workflow=workflow, why=str(error))
            codes.append(error.exit_code)
        except Exception:
            log.exception("the audit sink broke; it is restarted", workflow=workflow)
            codes.append(BROKE)
        finally:
            stop.set()  # one that ends takes the others with it, so that the process is restarted whole

    threads = [threading.Thread(target=run, args=item, name=f"audit {item[0]}") for item in sinks.items()]
    threads.append(threading.Thread(target=watchdog.run, args=(stop,), name="watchdog"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(codes, default=0)


def sink_of(env: Environment, workflow: str, instance: str | None = None) -> Sink:
    """The audit sink of one workflow."""
    agents = list(env.plan(workflow).agents)
    schemas = KafkaSchemas(env.bootstrap, env.settings.namespace, instance or "misstep-audit")
    decode = AvroForAudit(schemas)
    return Sink(env.bootstrap, env.dsn, env.topics(workflow), agents, instance=instance, decode_avro=decode)


if __name__ == "__main__":
    sys.exit(main())
