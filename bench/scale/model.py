"""A discrete-event model of a choreography: partitions, workers, transactions, brokers, audit sinks, and their CPU.

What is modelled, in the words of ARCHITECTURE.md: a worker reads what waits in its partitions, attempts turns one after
the other (one Python interpreter), commits everything that is finished at that moment in one transaction while the next
turns run, and under more load than it can take gathers turns first. With carrying on, all turns of a case stand in one
transaction; without, each turn's event is read again by the next agent, from the same partition number. A sink reads
every event and writes batches, one after the other. Machines have cores; who finds none free waits in line. What is not
modelled: failures, rebalances, disks, networks beyond a fixed round trip.

Times in seconds. Nothing is drawn except arrivals, so a run with the same seed is the same run.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

GATHER_TURNS: Final = 1_000
GATHER_S: Final = 0.05
BATCH_MAX_TURNS: Final = 2_000
READ_AT_ONCE: Final = 100
"""Turns between which a worker looks up: the grain of the model, not of the worker."""
SINK_BATCH_ROWS: Final = 5_000
SINK_LINGER_S: Final = 0.05
SLICE_S: Final = 0.002
"""Longest stretch for which a core is kept from others that wait for it."""

Act = Callable[[], None]


@dataclass(frozen=True)
class Costs:
    """What the parts of the work cost, in seconds of CPU unless they say otherwise; measured by `costs.py`."""

    python_turn: float
    native_turn: float
    broker_turn: float
    """A broker's work for one event, read and written."""
    python_transaction: float = 0.0
    native_transaction: float = 0.0
    broker_transaction: float = 0.0
    python_touched: float = 0.0
    native_touched: float = 0.0
    broker_touched: float = 0.0
    """For each partition of a topic that a transaction writes to."""
    round_trip: float = 0.002
    """Waiting in a commit that is nobody's CPU."""
    fetch: float = 0.003
    """From a commit until whoever reads the topic has the event."""
    sink_row: float = 0.0
    postgres_row: float = 0.0


@dataclass(frozen=True)
class Layout:
    """What there is. machines: the cores of each; who works on which is told by index."""

    agents: int = 5
    partitions: int = 2
    workers: int = 1
    carry: bool = True
    sinks: int = 0
    machines: tuple[int, ...] = (2,)
    worker_machines: tuple[int, ...] = (0,)
    """Workers are spread over these, in turn."""
    broker_machines: tuple[int, ...] = (0,)
    sink_machines: tuple[int, ...] = (0,)
    postgres_machines: tuple[int, ...] = (0,)


@dataclass
class Cores:
    """Cores of one machine: who finds none free waits in line. Long work is done in slices, so that none starves."""

    simulation: Simulation
    count: int
    waiting: deque[tuple[float, Act]] = field(default_factory=deque)
    free: int = 0
    busy_s: float = 0.0

    def __post_init__(self) -> None:
        self.free = self.count

    def use(self, seconds: float, then: Act) -> None:
        """Call `then` when a core has worked for so long."""
        self.waiting.append((seconds, then))
        self._start()

    def _start(self) -> None:
        while self.free and self.waiting:
            seconds, then = self.waiting.popleft()
            self.free -= 1
            now = min(seconds, SLICE_S)
            self.busy_s += now
            self.simulation.after(now, lambda left=seconds - now, then=then: self._done(left, then))  # type: ignore[misc]

    def _done(self, left: float, then: Act) -> None:
        self.free += 1
        if left > 1e-12:
            self.waiting.append((left, then))
        else:
            then()
        self._start()


class Simulation:
    """A clock and what is to happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self._agenda: list[tuple[float, int, Act]] = []
        self._number = 0

    def after(self, seconds: float, act: Act) -> None:
        """Let something happen later."""
        self._number += 1
        heapq.heappush(self._agenda, (self.now + seconds, self._number, act))

    def run(self, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Until that time, until nothing is left to happen, or until it is enough."""
        while self._agenda and self._agenda[0][0] <= until and not enough():
            self.now, _, act = heapq.heappop(self._agenda)
            act()


@dataclass(slots=True)
class Case:
    """One case under way."""

    came: float
    partition: int
    step: int = 0
    """Turns that are done."""


class Worker:
    """One worker process: an interpreter that attempts turns, a commit thread, its share of the partitions."""

    def __init__(self, model: Model, machine: Cores) -> None:
        self.model, self.machine = model, machine
        self.queues: list[deque[Case]] = [deque() for _ in range(model.layout.agents)]
        """What waits for each agent."""
        self.next_queue = 0
        self.finished: list[tuple[Case, int]] = []
        """Cases, and how many of their turns were done."""
        self.finished_turns = 0
        self._attempting = self._committing = False
        self.transactions = self.turns = 0

    def hear(self, case: Case) -> None:
        """A case waits for this worker."""
        self.queues[case.step].append(case)
        self._attempt()

    @property
    def waiting(self) -> bool:
        """Something waits for one of its agents."""
        return any(self.queues)

    def _attempt(self) -> None:
        if self._attempting or not self.waiting or self.finished_turns > 10 * GATHER_TURNS:
            return
        each = self.model.layout.agents if self.model.layout.carry else 1
        while not self.queues[self.next_queue]:  # agents share the interpreter: each in turn
            self.next_queue = (self.next_queue + 1) % len(self.queues)
        queue = self.queues[self.next_queue]
        taken = [queue.popleft() for _ in range(min(len(queue), max(1, READ_AT_ONCE // each)))]
        self.next_queue = (self.next_queue + 1) % len(self.queues)
        self._attempting = True
        self.machine.use(len(taken) * each * self.model.costs.python_turn, lambda: self._attempted(taken, each))

    def _attempted(self, taken: list[Case], each: int) -> None:
        self._attempting = False
        self.finished += [(case, each) for case in taken]
        self.finished_turns += each * len(taken)
        self._commit()
        self._attempt()

    def _commit(self) -> None:
        """Begin when there is something and nothing is under way; while more waits, gather first."""
        if self._committing or not self.finished:
            return
        self._committing = True
        if self.finished_turns < GATHER_TURNS and self.waiting:
            self._gather(self.model.simulation.now + GATHER_S)
        else:
            self._begin()

    def _gather(self, until: float) -> None:
        if self.finished_turns >= GATHER_TURNS or not self.waiting or self.model.simulation.now >= until:
            self._begin()
        else:
            self.model.simulation.after(0.002, lambda: self._gather(until))

    def _begin(self) -> None:
        most = max(1, BATCH_MAX_TURNS // self.finished[0][1])
        batch, self.finished = self.finished[:most], self.finished[most:]
        turns = sum(done for _, done in batch)
        self.finished_turns -= turns
        self.transactions += 1
        self.turns += turns
        costs = self.model.costs
        reached = len({case.partition for case, _ in batch}) * self.model.topics_a_transaction(batch)
        python = costs.python_transaction + costs.python_touched * reached
        native = costs.native_transaction + costs.native_touched * reached + costs.native_turn * turns
        broker = costs.broker_transaction + costs.broker_touched * reached + costs.broker_turn * turns
        brokers = self.model.brokers

        def after_python() -> None:
            self.machine.use(native, at_brokers)

        def at_brokers() -> None:
            waiting = len(brokers)

            def one_done() -> None:
                nonlocal waiting
                waiting -= 1
                if not waiting:
                    self.model.simulation.after(costs.round_trip, lambda: self._committed(batch))

            for one in brokers:
                one.use(broker / len(brokers), one_done)

        self.machine.use(python, after_python)

    def _committed(self, batch: list[tuple[Case, int]]) -> None:
        self._committing = False
        for case, done in batch:
            self.model.moved(case, done)
        self._commit()
        self._attempt()


class Sink:
    """One audit sink: batches, one after the other."""

    def __init__(self, model: Model, machine: Cores, postgres: Cores) -> None:
        self.model, self.machine, self.postgres = model, machine, postgres
        self.waiting = 0
        self.written = 0
        self._writing = False

    def hear(self, events: int) -> None:
        self.waiting += events
        if not self._writing:
            self._writing = True
            self.model.simulation.after(SINK_LINGER_S, self._write)

    def _write(self) -> None:
        rows = min(self.waiting, SINK_BATCH_ROWS)
        self.waiting -= rows
        costs = self.model.costs

        def stored() -> None:
            self.written += rows
            if self.waiting:
                self._write()
            else:
                self._writing = False

        self.machine.use(rows * costs.sink_row, lambda: self.postgres.use(rows * costs.postgres_row, stored))


@dataclass(frozen=True)
class Outcome:
    """What a run of the model came to."""

    cases_s: float
    turns_s: float
    p50_ms: float
    p99_ms: float
    turns_a_transaction: float
    busy: tuple[float, ...]
    """Share of each machine's cores that worked."""
    under_way: float
    """Cases in the system, on average over the measured time."""
    waiting: int
    """Cases in the system at the end."""
    sink_rows_s: float
    sink_behind: int
    """Events that no sink has written at the end."""


class Model:
    """A layout at work under a load."""

    def __init__(self, layout: Layout, costs: Costs, seed: int = 1) -> None:
        self.layout, self.costs = layout, costs
        self.simulation = Simulation()
        self.machines = [Cores(self.simulation, count) for count in layout.machines]
        self.brokers = [self.machines[at] for at in layout.broker_machines]
        spread = layout.worker_machines
        self.workers = [Worker(self, self.machines[spread[n % len(spread)]]) for n in range(layout.workers)]
        self.sinks = [
            Sink(
                self,
                self.machines[layout.sink_machines[n % len(layout.sink_machines)]],
                self.machines[layout.postgres_machines[n % len(layout.postgres_machines)]],
            )
            for n in range(layout.sinks)
        ]
        self._random = random.Random(seed)
        self._came = 0
        self._ended = 0
        self._under_way_s = 0.0
        self._under_way_at = 0.0
        self.took: list[float] = []

    def topics_a_transaction(self, batch: list[tuple[Case, int]]) -> int:
        """Topics, and groups whose offsets are sent, of a transaction."""
        if self.layout.carry:
            return 2 * self.layout.agents + 1
        steps = {case.step for case, _ in batch}
        return 2 * len(steps) + (self.layout.agents - 1 in steps)

    def come(self) -> None:
        """A case is published."""
        partition = self._random.randrange(self.layout.partitions)
        self._count()
        self._came += 1
        case = Case(self.simulation.now, partition)
        self.simulation.after(self.costs.fetch, lambda: self._worker_of(partition).hear(case))
        self._tell_sinks(partition, 1)

    def moved(self, case: Case, turns: int) -> None:
        """Turns of a case are committed."""
        case.step += turns
        self._tell_sinks(case.partition, turns)
        if case.step < self.layout.agents:
            self.simulation.after(self.costs.fetch, lambda: self._worker_of(case.partition).hear(case))
            return
        self._tell_sinks(case.partition, 1)
        self._count()
        self._ended += 1
        self.took.append(self.simulation.now + self.costs.fetch - case.came)

    def _worker_of(self, partition: int) -> Worker:
        return self.workers[partition % len(self.workers)]

    def _tell_sinks(self, partition: int, events: int) -> None:
        if self.sinks:
            self.sinks[partition % len(self.sinks)].hear(events)

    def _count(self) -> None:
        """Cases times seconds in the system, up to now."""
        now = self.simulation.now
        self._under_way_s += (self._came - self._ended) * (now - self._under_way_at)
        self._under_way_at = now

    # -- loads --------------------------------------------------------------------------------------------------------

    def flood(self, cases: int) -> Outcome:
        """All cases at once, until the last one has ended, as `run.py` does."""
        before = self._mark()
        for _ in range(cases):
            self.come()
        self.simulation.run(1e9, lambda: self._ended >= cases)
        return self._between(before)

    def load(self, cases_s: float, seconds: float, warm_s: float = 2.0) -> Outcome:
        """Cases come at random at a steady rate; measured after the warm-up."""

        def next_one() -> None:
            if self.simulation.now < warm_s + seconds:
                self.come()
                self.simulation.after(self._random.expovariate(cases_s), next_one)

        next_one()
        self.simulation.run(warm_s)
        before = self._mark()
        self.simulation.run(warm_s + seconds)
        return self._between(before)

    def _mark(self) -> tuple[float, ...]:
        self._count()
        return (
            self.simulation.now,
            self._ended,
            self._under_way_s,
            len(self.took),
            sum(one.turns for one in self.workers),
            sum(one.transactions for one in self.workers),
            sum(one.written for one in self.sinks),
            *(machine.busy_s for machine in self.machines),
        )

    def _between(self, before: tuple[float, ...]) -> Outcome:
        after = self._mark()
        seconds, ended, under_way_s, _, turns, transactions, written, *busy = (
            late - early for late, early in zip(after, before, strict=True)
        )
        took = sorted(self.took[int(before[3]) :]) or [0.0]
        seconds = max(seconds, 1e-9)
        return Outcome(
            cases_s=ended / seconds,
            turns_s=ended * self.layout.agents / seconds,
            p50_ms=1000 * took[len(took) // 2],
            p99_ms=1000 * took[min(len(took) - 1, len(took) * 99 // 100)],
            turns_a_transaction=turns / max(1.0, transactions),
            busy=tuple(used / seconds / machine.count for used, machine in zip(busy, self.machines, strict=True)),
            under_way=under_way_s / seconds,
            waiting=self._came - self._ended,
            sink_rows_s=written / seconds,
            sink_behind=sum(one.waiting for one in self.sinks),
        )
