"""The Faust app behind `misstep watch`: state versions in, alerts out. Needs the extra `watch`.

It has a consumer group of its own and touches no case: killed at any moment, it leaves nothing behind but the alerts
that it has not written yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import faust
import orjson
import structlog
from faust.transport.drivers import aiokafka as driver

from misstep.bus.connection import connection
from misstep.bus.topics import alerts_topic
from misstep.cli.watching.begin import SESSION_S
from misstep.cli.watching.failure_rates import FailureRate, FailureRates
from misstep.cli.watching.sign_on import credentials
from misstep.logs import forward

SAY_EVERY_S = 0.5
SETTLED_AFTER_S = 2.0
"""A turn that was written so long ago has been read, in whichever topic it stands: a fetch waits 1.5 s at most."""
CAUGHT_UP_AFTER_S = 2.0
"""So long without an event from before the start, and what was missed has been read."""

log = structlog.get_logger(__name__)


class _CommittedThread(driver.AIOKafkaConsumerThread):
    """Reads what was committed. Faust itself does so only when it writes in transactions, which alerts need not."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        made = super()._create_worker_consumer(transport)
        made._isolation_level = "read_committed"
        return made


class _CommittedConsumer(driver.Consumer):
    def _new_consumer_thread(self) -> Any:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(driver.Transport):
    Consumer = _CommittedConsumer


def watch_app(
    bootstrap: str,
    namespace: str,
    group: str,
    topics: Sequence[str],
    rates: FailureRates,
    window: str,
    tell: Callable[[Mapping[str, object]], None],
) -> Any:
    """The app. topics: the agents' own and failed ones. window: as it was asked for, for the alerts. tell: is given
    each alert when Kafka has it."""
    app: Any = faust.App(
        group,
        broker=[f"kafka://{one.strip()}" for one in bootstrap.split(",")],
        broker_credentials=credentials(connection(bootstrap)),
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=1.0,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="latest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        store="memory://",
        web_enabled=False,
        worker_redirect_stdouts=False,
        loghandlers=[],
    )
    app.transport = _CommittedTransport(app.conf.broker, app, loop=app.loop)
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    alerts = app.topic(alerts_topic(namespace), **raw)

    began_s = time.time()
    catching_up = time.monotonic()
    """When something was last read that is older than this watch."""

    async def count(stream: Any) -> None:
        nonlocal catching_up
        async for event in stream.events():
            message = event.message
            if message.timestamp < began_s:
                catching_up = time.monotonic()
            _count(rates, message)

    async def say() -> None:
        if time.monotonic() - catching_up < CAUGHT_UP_AFTER_S:
            return
        for found in rates.over(time.time() - SETTLED_AFTER_S):
            alert = alert_of(found, window)
            key = f"failure_rate/{found.workflow}/{found.agent}/{found.reason}"
            await (await alerts.send(key=key.encode(), value=orjson.dumps(alert)))
            tell(alert)

    app.agent(app.topic(*topics, **raw), name="count")(count)
    app.timer(SAY_EVERY_S)(say)
    return app


def _count(rates: FailureRates, message: Any) -> None:
    _, workflow, agent = message.topic.split(".")[:3]
    reason = dict(message.headers or ()).get("ce_failurereason")
    if reason:
        rates.add(workflow, agent, reason.decode("utf-8", "replace"), message.timestamp)


def alert_of(found: FailureRate, window: str) -> dict[str, object]:
    """The alert as it stands in `{ns}.alerts`."""
    return {
        "kind": "failure_rate",
        "workflow": found.workflow,
        "agent": found.agent,
        "reason": found.reason,
        "window": window,
        "turns": found.turns,
        "failures": found.failures,
        "rate": round(found.rate, 4),
        "at": datetime.fromtimestamp(found.at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def run_app(app: Any, stop: asyncio.Event) -> BaseException | None:
    """Run until `stop`; returns what brought the app down, if something did."""
    forward("faust", "mode", "aiokafka")
    app.finalize()
    await app.start()
    log.info("watching", group=app.conf.id)
    while not stop.is_set() and not app.crashed:
        try:
            await asyncio.wait_for(stop.wait(), 0.2)
        except TimeoutError:
            continue
    crashed = app.crash_reason if app.crashed else None
    await app.stop()
    return crashed
