"""One run: workers stand ready, so many cases come at once; what it cost until the last one has ended.

Nothing is left out at the beginning or the end: what a worker has attempted and not yet committed would else be counted
on one side and not on the other.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import chain
import load
import processes
from servers import BenchServers
from usage import cpu_s, machine_busy_s, native_cpu_s, resident_mb

WARM_CASES = 20
"""For each partition, before the others: groups have settled when these are through."""
SETTLE_S = 1.0
FAIR = 0.2
"""Of an even share of the turns: a worker with less has as good as nothing to do."""
WARM_UP_RUNS, WARM_UP_CASES = 2, 10_000


@dataclass(frozen=True)
class Run:
    """What a run was, and what it came to."""

    workers: int
    workers_at_work: int
    """Those that committed a fair share of the turns: Kafka may give a worker nothing but quiet topics."""
    partitions: int
    agents: int
    cases: int
    turns_a_case: float
    carry: bool
    cases_s: float
    turns_s: float
    seconds: float
    """From the first of them to the last outcome."""
    worker_us_a_turn: float
    """CPU of all workers together."""
    native_us_a_turn: float
    """Of it, the Kafka client's own threads."""
    broker_us_a_turn: float
    cores_busy: float
    """Of workers and broker together, on average."""
    others_cores: float
    """Cores that worked for anybody else meanwhile, this bench's own reader included."""
    transactions_s: float
    turns_a_transaction: float
    commit_ms: float
    resident_mb: float
    """The largest worker's, at the end."""
    stored_bytes_a_event: float
    """In Kafka's log, index files left out; 0 where the broker's files cannot be seen."""

    def as_json(self) -> dict[str, Any]:
        """With figures as long as they are good."""
        return {name: round(value, 3) if type(value) is float else value for name, value in asdict(self).items()}


def saturated(
    servers: BenchServers,
    *,
    workers: int = 1,
    partitions: int = 2,
    cases: int = 10_000,
    carry: bool = True,
    laps: int = 1,
    row: int = chain.AGENTS,
    values: Iterator[bytes] | None = None,
) -> Run:
    """Workers of all agents, and more cases at once than they can take."""
    cases = max(cases, 4 * WARM_CASES * partitions)
    topics = load.prepare(servers.kafka, partitions, row)
    values = chain.values(laps=laps) if values is None else values
    ended = load.Counter(servers.kafka, topics.outcomes)
    with ExitStack() as stack:
        stack.callback(load.tidy, servers.kafka, topics)
        stack.callback(ended.close)
        with ExitStack() as running:
            hired = [
                running.enter_context(
                    processes.worker(servers.kafka, topics.namespace, f"bench-{number}", row=row, carry=carry)
                )
                for number in range(workers)
            ]
            warm = WARM_CASES * partitions
            load.publish(servers.kafka, topics, values, warm)
            ended.wait_for(warm)
            time.sleep(SETTLE_S)
            before = _state(servers, hired, ended)
            load.publish(servers.kafka, topics, values, cases - warm, warm)
            ended.wait_for(cases)
            after = _state(servers, hired, ended)
            resident = max(resident_mb(one.pid) for one in hired)
        stored = stored_bytes(servers.kafka_pid, f"{topics.namespace}.")
    at, through, machine_s, workers_s, native_s, broker_s = (
        late - early for late, early in zip(after, before, strict=True)
    )
    turns = through * row * laps
    said = {name: sum(one.said.get(name, 0.0) for one in hired) for name in processes.KEPT}
    commits = max(1.0, said["misstep_commit_seconds_count"])
    whole = said["misstep_commit_turns_sum"] or cases * row * laps
    events = cases * (row * laps + 2)
    return Run(
        workers=workers,
        workers_at_work=sum(one.said.get("misstep_commit_turns_sum", 0.0) >= FAIR * whole / workers for one in hired),
        partitions=partitions,
        agents=row,
        cases=cases,
        turns_a_case=row * laps,
        carry=carry and processes.can_carry(),
        cases_s=through / at,
        turns_s=turns / at,
        seconds=at,
        worker_us_a_turn=1e6 * workers_s / turns,
        native_us_a_turn=1e6 * native_s / turns,
        broker_us_a_turn=1e6 * broker_s / turns,
        cores_busy=(workers_s + broker_s) / at,
        others_cores=max(0.0, machine_s - workers_s - broker_s) / at,
        transactions_s=turns / at / (whole / commits),
        turns_a_transaction=whole / commits,
        commit_ms=1000 * said["misstep_commit_seconds_sum"] / commits,
        resident_mb=resident,
        stored_bytes_a_event=stored / events,
    )


def warm_up(servers: BenchServers) -> None:
    """A run that nobody counts: a broker that has just started compiles its code for a while, at ten times the cost."""
    for _ in range(WARM_UP_RUNS):
        saturated(servers, cases=WARM_UP_CASES)


def _state(servers: BenchServers, hired: list[processes.Running], ended: load.Counter) -> tuple[float, ...]:
    return (
        time.monotonic(),
        float(ended.seen),
        machine_busy_s(),
        sum(cpu_s(one.pid) for one in hired),
        sum(native_cpu_s(one.pid) for one in hired),
        cpu_s(servers.kafka_pid),
    )


def stored_bytes(broker_pid: int | None, beginning: str) -> int:
    """Bytes of the events in topics whose names begin so: the broker's log files, found through what it has open."""
    found: set[str] = set()
    for link in Path(f"/proc/{broker_pid}/fd").iterdir() if broker_pid else ():
        with contextlib.suppress(OSError):
            path = os.readlink(link)
            if path.endswith(".log") and f"/{beginning}" in path:
                found.add(path)
    return sum(os.stat(path).st_size for path in found if os.path.exists(path))
