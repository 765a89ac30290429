"""The processes that the scale benches run: workers and audit sinks as `misstep run` starts them, without a project."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import chain
from usage import cpu_s

from misstep import Wiring
from misstep.agents.worker.interpreter import tune_interpreter
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.topics import Topics
from misstep.contracts import LocalSchemas
from misstep.logs import configure_logs
from misstep.store.sink import Sink

SPAWN = multiprocessing.get_context("spawn")
KEPT = ("misstep_commit_seconds_sum", "misstep_commit_seconds_count", "misstep_commit_turns_sum", "misstep_turns_total")
DRAIN_S = 60


@dataclass
class Running:
    """A child that runs until it is told to stop."""

    process: Any
    stop: Any
    inbox: Any
    said: dict[str, float] = dataclasses.field(default_factory=dict)
    """What it had counted when it ended."""
    ready_at_cpu_s: float = 0.0
    """CPU seconds that its start took."""

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def await_ready(self) -> None:
        """Return when it works. SystemExit when it ended instead, or takes too long."""
        while not self.inbox.poll(0.1):
            if not self.process.is_alive():
                raise SystemExit(f"a process of the bench ended by itself with code {self.process.exitcode}")
        self.inbox.recv()
        self.ready_at_cpu_s = cpu_s(self.pid)

    @property
    def worked_s(self) -> float:
        """CPU seconds since it was ready."""
        return cpu_s(self.pid) - self.ready_at_cpu_s

    def end(self) -> None:
        """Drain it, and keep what it says."""
        if not self.process.is_alive() and not self.inbox.poll():
            raise SystemExit(f"a process of the bench ended by itself with code {self.process.exitcode}")
        self.stop.set()
        if self.inbox.poll(DRAIN_S):
            self.said |= self.inbox.recv()
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()


def run_worker(
    bootstrap: str, namespace: str, slot: str, agents: list[str], row: int, carry: bool, stop: Any, outbox: Any
) -> None:
    """A worker that hosts these agents of a row of `row`, their undos and the coordinator."""
    configure_logs(os.environ.get("BENCH_LOGS", "error"))
    tune_interpreter()
    plan = chain.plan(row)
    hosted = [(plan, plan.agents[name]) for name in agents]
    worker = Worker(settings_of(bootstrap, namespace, slot, carry), hosted, Wiring(), LocalSchemas())
    _stop_with(stop, worker.stop)
    _when(worker.ready.wait, lambda: outbox.send({}))
    worker.run()
    counted = dict.fromkeys(KEPT, 0.0)
    for metric in worker.metrics.registry.collect():
        for sample in metric.samples:
            if sample.name in counted:
                counted[sample.name] += sample.value
    outbox.send(counted)


def settings_of(bootstrap: str, namespace: str, slot: str, carry: bool) -> WorkerSettings:
    """A worker's settings; carrying on where this version of Misstep can be told of it."""
    known = {field.name for field in dataclasses.fields(WorkerSettings)}
    return WorkerSettings(bootstrap, namespace, slot, "bench", **({"carry": carry} if "carry" in known else {}))


def can_carry() -> bool:
    """Whether workers carry on at all in this version."""
    return "carry" in {field.name for field in dataclasses.fields(WorkerSettings)}


def run_sink(bootstrap: str, dsn: str, namespace: str, row: int, instance: str, stop: Any, outbox: Any) -> None:
    """The audit sink of the workflow."""
    configure_logs(os.environ.get("BENCH_LOGS", "error"))
    sink = Sink(
        bootstrap,
        dsn,
        Topics(namespace, chain.WORKFLOW),
        list(chain.plan(row).agents),
        instance=instance,
        linger=timedelta(milliseconds=50),
    )
    told = threading.Event()
    _stop_with(stop, told.set)
    outbox.send({})
    sink.run(told)
    outbox.send({})


def _stop_with(stop: Any, act: Any) -> None:
    _when(stop.wait, act)


def _when(wait: Any, act: Any) -> None:
    threading.Thread(target=lambda: (wait(), act()), daemon=True).start()


@contextmanager
def worker(
    bootstrap: str, namespace: str, slot: str, *, row: int, agents: list[str] | None = None, carry: bool = True
) -> Iterator[Running]:
    """A worker process, from its start to its clean end."""
    hosted = list(chain.plan(row).agents) if agents is None else agents
    with _child(run_worker, bootstrap, namespace, slot, hosted, row, carry) as running:
        yield running


@contextmanager
def sink(bootstrap: str, dsn: str, namespace: str, instance: str = "bench-sink", *, row: int) -> Iterator[Running]:
    """A sink process, from its start to its clean end."""
    with _child(run_sink, bootstrap, dsn, namespace, row, instance) as running:
        yield running


@contextmanager
def _child(target: Any, *arguments: Any) -> Iterator[Running]:
    inbox, outbox = SPAWN.Pipe(False)
    stop = SPAWN.Event()
    process = SPAWN.Process(target=target, args=(*arguments, stop, outbox))
    process.start()
    running = Running(process, stop, inbox)
    try:
        running.await_ready()
        yield running
    except BaseException:
        process.kill()
        raise
    running.end()
