"""A worker: one OS process in a stable slot. One event loop, a consumer for each agent that it hosts, two producers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import Producer

from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.wiring import Wiring
from misstep.agents.worker.assembly import Assembly
from misstep.agents.worker.circuits import Circuits
from misstep.agents.worker.committer import Committer, Finished
from misstep.agents.worker.control import Control
from misstep.agents.worker.interpreter import BLOCKING
from misstep.agents.worker.lane import Lane
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.pulse import Pulse, TurnStuck
from misstep.agents.worker.reader import Reader
from misstep.agents.worker.recent import Recent
from misstep.agents.worker.runner import BLOCKING_THREADS
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.alerts import Alerts
from misstep.bus.client_log import client_logger
from misstep.bus.config import producer_config
from misstep.bus.recall import EventReader
from misstep.bus.takeover import Takeover, new_incarnation
from misstep.contracts import SchemaSource
from misstep.store.checkpoints import PostgresCheckpoints

if TYPE_CHECKING:  # an extra, loaded when it is asked for
    from misstep.agents.tracing import Traces

log = structlog.get_logger(__name__)

TAKING_STUCK_AFTER_S, SENDING_STUCK_AFTER_S, ENDING_STUCK_AFTER_S = 30.0, 12.0, 30.0
"""Taking partitions over, sending offsets and ending a transaction take milliseconds, and seconds when a broker
restarts. After this the process is replaced: new clients in the same slot are the surest way out of whatever a client
library waits for. (A transaction is given up by the broker after 10 s.)"""
THREADS_LOST_MAX = BLOCKING_THREADS // 2
HELD_UP_S = 1.0
"""An event loop that has not answered for so long closes nothing any more."""

PAUSED = "an operator's pause"
"""What an agent is held by while its pause stands in the control topic."""


class ClientStuck(Exception):
    """A Kafka client does not come back from a call; a new process will do better."""


class Worker:
    """Runs the given agents until told to stop."""

    def __init__(
        self,
        settings: WorkerSettings,
        hosted: Sequence[tuple[Plan, AgentPlan]],
        wiring: Wiring,
        schemas: SchemaSource,
        metrics: Metrics | None = None,
        *,
        coordinating: Sequence[Plan] | None = None,
        traces: Traces | None = None,
    ) -> None:
        """hosted: the agents to run, with their undos. coordinating: the workflows whose failed cases this worker
        begins to take back; those of the hosted agents, if it is left out. traces: told of what is committed, and
        closed with the worker."""
        self.incarnation = new_incarnation()
        self._settings = settings
        self._hosted = hosted
        self._coordinating = (
            list({plan.workflow: plan for plan, _ in hosted}.values()) if coordinating is None else coordinating
        )
        self._wiring = wiring
        self._schemas = schemas
        self.metrics = metrics or Metrics()
        self._traces = traces
        self._readers: list[Reader] = []
        self._failed: BaseException | None = None
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._pulse = Pulse(self._loop)
        budget_ms = max((agent.budget_ms for _, agent in hosted if agent.agent.is_async), default=0)
        self._loop_stuck_after_s = max(settings.stuck_after_s, budget_ms / 100)
        self.ready = threading.Event()
        """Set once the agents' readers have been started."""

    def stop(self) -> None:
        """Begin to drain: read no more, let running turns end, commit what is finished."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """It was told to stop, or something brought it down."""
        return self._stop.is_set()

    def run(self) -> None:
        """Run until stopped and drained. Raises what brought the worker down."""
        settings = self._settings
        threads: list[threading.Thread] = []
        loop_thread = self._thread("event loop", self._run_loop)
        loop_thread.start()
        opened = None
        alerts = Alerts(settings.bootstrap, settings.namespace, settings.transactional_id)
        checkpoints = PostgresCheckpoints(settings.postgres, settings.namespace)
        pool = ThreadPoolExecutor(BLOCKING_THREADS, thread_name_prefix=BLOCKING)
        try:
            needed = {kind for _, agent in self._hosted for kind in agent.needs}
            opened = self._on_loop(self._wiring.open(needed))
            recall = EventReader(settings.bootstrap, settings.transactional_id)
            recent = Recent(recall)
            turns, saga = lanes = self._lanes(recent)
            self.metrics.waiting(lambda: sum(lane.committer.backlog for lane in lanes))
            control = Control(settings.bootstrap, settings.namespace, settings.transactional_id)
            circuits = Circuits(self._wiring, self.metrics, alerts, self._loop, settings.slot)
            assembly = Assembly(
                settings,
                self._hosted,
                self._coordinating,
                self._schemas,
                self._wiring,
                self.metrics,
                opened.instances,
                recall,
                recent,
                control,
                self._loop,
                pool,
                circuits,
                checkpoints,
                alerts,
                self._stop.is_set,
                turns,
                saga,
            )
            self._readers.extend(assembly.readers())
            control.on_pauses = lambda: self._pause(control)
            self._thread("control", lambda: control.run(self._stop.is_set)).start()
            control.known.wait()  # what was said of a case before we came holds for us too
            commits = [self._thread(f"commit {lane.transactional_id}", lane.committer.run) for lane in lanes]
            threads = [self._thread(f"read {reader.name}", reader.run) for reader in self._readers]
            for thread in (*commits, *threads):
                thread.start()
            self.ready.set()
            while not self._stop.wait(1.0):
                self._check_stuck(lanes)
            self._drain(lanes, threads, commits)
            recall.close()
        finally:
            held_up = self._pulse.missing_s() > HELD_UP_S
            if opened is not None and not held_up:
                self._on_loop(opened.close())
            if not held_up:
                self._on_loop(checkpoints.close())
            if self._traces is not None:
                self._traces.close()
            alerts.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            loop_thread.join(0 if held_up else 5)
            pool.shutdown(wait=False, cancel_futures=True)
            self._ended.set()
        if self._failed is not None:
            raise self._failed

    def _lanes(self, recent: Recent) -> list[Lane]:
        """For turns and for the saga. Side by side: initialising a producer takes up to half a second."""
        ids = (self._settings.transactional_id, self._settings.saga_transactional_id)
        with ThreadPoolExecutor(len(ids), thread_name_prefix="begin") as begin:
            return list(begin.map(lambda one: self._lane(one, recent), ids))

    def _lane(self, transactional_id: str, recent: Recent) -> Lane:
        settings = self._settings

        def committer(transactional_id: str, readers: Callable[[], list[Reader]]) -> Committer:
            return Committer(
                lambda: Producer(
                    producer_config(settings.bootstrap, transactional_id), logger=client_logger("producer")
                ),
                transactional_id,
                readers,
                self.metrics,
                settings.seam,
                on_placed=self._remembering(recent),
                on_committed=[self._traces.committed] if self._traces is not None else [],
            )

        takeover = Takeover(
            settings.bootstrap,
            transactional_id,
            self._stop.is_set,
            incarnation=self.incarnation,
            blameless=settings.blameless,
        )
        return Lane(transactional_id, takeover, committer)

    def _remembering(self, recent: Recent) -> list[Callable[[Sequence[Finished]], None]]:
        """What may have to be undone is wanted again soon."""
        undoes = any(agent.undo is not None for plan, _ in self._hosted for agent in plan.agents.values())
        return [recent.remember_carried] if undoes else []

    def _pause(self, control: Control) -> None:
        """Hold the agents that an operator (or a valve) has paused, on all workers; let go of the others."""
        for reader in self._readers:
            if reader.agent is None:
                continue
            if reader.agent in control.pauses:
                reader.hold(PAUSED)
            else:
                reader.release(PAUSED)
            if reader.tripwire is not None:
                reader.tripwire.pauses(reader.agent in control.pauses)

    def _check_stuck(self, lanes: Sequence[Lane]) -> None:
        """Raise ClientStuck when something that takes milliseconds has taken many seconds."""
        waits = [
            (f"agent {reader.name} taking partitions over", reader.taking_since, TAKING_STUCK_AFTER_S)
            for reader in self._readers
        ]
        for committer in (lane.committer for lane in lanes):
            waits.append(("the commit thread sending offsets", committer.sending_since, SENDING_STUCK_AFTER_S))
            waits.append(("the commit thread ending a transaction", committer.ending_since, ENDING_STUCK_AFTER_S))
        for what, since, most_s in waits:
            if since is not None and time.monotonic() - since > most_s:
                raise ClientStuck(f"{what} has waited for {most_s:.0f} s")
        for reader in self._readers:
            if (stuck_s := reader.stuck_for_s) is not None:
                raise TurnStuck(f"a turn of {reader.name} has not returned for {stuck_s:.0f} s")
        if (lost := sum(reader.threads_lost for reader in self._readers)) >= THREADS_LOST_MAX:
            raise TurnStuck(f"{lost} blocking turns have not returned long after their time was over")
        if (missing_s := self._pulse.missing_s()) > self._loop_stuck_after_s:
            raise TurnStuck(f"an async turn has held the event loop up for {missing_s:.0f} s")

    def _drain(self, lanes: Sequence[Lane], readers: list[threading.Thread], commits: list[threading.Thread]) -> None:
        began = time.monotonic()
        for reader in self._readers:
            reader.stopping = True
        until = began + self._settings.drain_s
        for thread in readers:
            thread.join(max(0.0, until - time.monotonic()))
        while self._failed is None and time.monotonic() < until and not all(r.idle for r in self._readers):
            time.sleep(0.01)
        unfinished = sum(not reader.idle for reader in self._readers)
        if self._failed is None:
            for reader in self._readers:
                reader.leave()
        for lane in lanes:
            lane.committer.drain()
        for thread in commits:
            thread.join(max(0.1, until + self._settings.drain_s - time.monotonic()))
        for reader, thread in zip(self._readers, readers, strict=True):
            # Not one that is inside a turn that does not return; nor one that may be joining its group.
            if not thread.is_alive() and reader.assigned:
                reader.close()
            else:
                reader.abandon()
        log.info("drained", seconds=round(time.monotonic() - began, 2), agents_with_unfinished_turns=unfinished)

    # -- threads ------------------------------------------------------------------------------------------------------

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                target()
            except BaseException as error:  # noqa: BLE001  # a thread that dies brings the worker down, loudly
                if self._failed is None:
                    self._failed = error
                self._stop.set()

        return threading.Thread(target=guarded, name=name, daemon=True)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._loop_broke)
        self._loop.run_forever()

    def _loop_broke(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if str(context.get("message", "")).startswith("a turn broke"):
            self._failed = self._failed or error
            self._stop.set()
        else:
            log.error("event loop", said=context.get("message"), error=repr(error))

    def _on_loop(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
