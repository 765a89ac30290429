"""`misstep watch`"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated

import orjson
import structlog
import typer

from misstep.agents.duration import duration_ms
from misstep.bus.provision import connect
from misstep.bus.topics import alerts_topic
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.options import AsJson, Kafka, Namespace, ProjectRoot
from misstep.cli.surroundings import surroundings
from misstep.composition import Environment
from misstep.errors import MisstepError, UsageError
from misstep.logs import configure_logs

app = typer.Typer(add_completion=False)

log = structlog.get_logger(__name__)

INSTALL = "pip install 'misstep[watch]'"


@app.command()
def watch(
    workflows: Annotated[
        list[str] | None, typer.Argument(metavar="[WORKFLOW]...", help="What to watch; default: everything.")
    ] = None,
    window: Annotated[str, typer.Option(metavar="DURATION", help="How far back turns count, as in 60s or 5m.")] = "60s",
    over: Annotated[str, typer.Option(metavar="PERCENT", help="The share of an agent's turns that is borne.")] = "5%",
    at_least: Annotated[
        int, typer.Option(metavar="TURNS", min=1, help="With fewer turns in the window nothing is said.")
    ] = 20,
    kafka: Kafka = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Watch how many turns fail, by agent and reason, until Ctrl-C.

    A rate that goes over is written to the topic of alerts and shown here; again after each further window while it
    stays there. It needs the extra `misstep[watch]` and touches no case: stop or kill it whenever you like. It begins
    one window back. Run one of them: two would share the partitions, and each count its half.

    Example: [bold]misstep watch --window 5m --over 10%[/bold]
    """
    configure_logs("info", json=True if as_json else None)
    if find_spec("faust") is None:
        raise UsageError(f"misstep watch needs an extra: {INSTALL}.")
    window_s = duration_ms(window, what="--window") / 1000
    share = _share(over)
    env = surroundings(project=project, kafka=kafka, namespace=namespace)
    names = workflows or list(env.plans)
    topics = [
        topic
        for name in names
        for agent in env.plan(name).agents
        for topic in (env.topics(name).agent(agent), env.topics(name).failed(agent))
    ]
    if not topics:
        raise UsageError(f"{env.project.root}/saga declares no workflow, so there is nothing to watch.")
    _require(env, topics)
    from misstep.cli.watching.begin import rewind
    from misstep.cli.watching.failure_rates import FailureRates
    from misstep.cli.watching.stream import run_app, watch_app

    group = f"{env.settings.namespace}.watch"
    rewind(env.bootstrap, group, topics, window_s)
    rates = FailureRates(window_s, share, at_least)

    def tell(alert: Mapping[str, object]) -> None:
        print(orjson.dumps(alert).decode() if as_json else _sentence(alert), flush=True)

    async def run() -> BaseException | None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        stream = watch_app(env.bootstrap, env.settings.namespace, group, topics, rates, window, tell)
        return await run_app(stream, stop)

    if not as_json:
        print(f"Watching {', '.join(names)} in namespace {env.settings.namespace}; Ctrl-C ends it.", flush=True)
    crashed = asyncio.run(run())
    if crashed is not None:
        raise MisstepError(f"The watch broke ({crashed}); no case is concerned: run it again.")


def _share(text: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if found is None or not 0 <= float(found[1]) < 100:
        raise UsageError(f"--over {text!r} is not a share; write it like '5%' or '0.5%', less than 100%.")
    return float(found[1]) / 100


def _require(env: Environment, topics: list[str]) -> None:
    there = connect(env.bootstrap, KAFKA_PATIENCE_S).list_topics(timeout=KAFKA_PATIENCE_S).topics
    missing = [topic for topic in (*topics, alerts_topic(env.settings.namespace)) if topic not in there]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(f"Topic {missing[0]}{others} does not exist; run `misstep apply` first.")


def _sentence(alert: Mapping[str, object]) -> str:
    return (
        f"{alert['at']}  {alert['workflow']}/{alert['agent']}: {alert['failures']} of {alert['turns']} turns within "
        f"{alert['window']} fail with {alert['reason']} ({alert['rate']:.1%})"
    )
