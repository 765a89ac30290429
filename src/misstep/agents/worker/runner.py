"""Who runs the attempts of an agent.

A runner decides where an agent's function runs: in the polling thread (plain), on the event loop (async), or in a
thread of its own (blocking). What the attempt comes to is decided by the same plain functions in all three.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import inspect
import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from misstep.agents.attempt_clock import AttemptClock
from misstep.agents.inbound import Delivered, Verdict
from misstep.agents.settle import judge_exception, judge_result, make_turn, over_budget
from misstep.agents.turn import Turn
from misstep.agents.worker.carrying import QUICK_MS
from misstep.agents.worker.work import Cases, Handling, Work
from misstep.contracts import Contract
from misstep.contracts.event import Record
from misstep.logs import SEAT, Seat, seat_here

FOREVER_S = 3600.0
BLOCKING_THREADS = 32


class Runner(Protocol):
    """Runs the attempts of one agent."""

    collects: bool
    """True when turns do not run in the polling thread: they are handed over a batch at a time."""

    inside: Work | None
    """Whose attempt runs in the polling thread at this moment."""

    early_since: float | None
    """Since when a turn on an event that is not committed yet has been running (monotonic); None when none is."""

    @property
    def lingering(self) -> Mapping[Future[object], float]:
        """Blocking turns whose threads go on, and when their time was over (monotonic)."""
        ...

    def bind(self, cases: Cases) -> None: ...
    def start(self, works: list[Work]) -> None: ...
    def start_due(self) -> None:
        """Run what was waiting and is due now. (Polling thread.)"""
        ...

    def next_due_s(self) -> float:
        """Seconds until something is due."""
        ...


class InlineRunner:
    """Plain functions, one after the other: in the polling thread, or carried, in the thread of the turn before."""

    collects = False

    def __init__(self, handling: Handling, one_at_a_time: threading.RLock) -> None:
        """one_at_a_time: held from the beginning of a turn to its end, by all runners of the agent: its function is in
        one thread at a time."""
        self.name = handling.agent.name
        self._handling = handling
        self.inside: Work | None = None
        self.early_since: float | None = None
        self.lingering: Mapping[Future[object], float] = {}
        self._due: list[tuple[float, int, Work]] = []
        self._sequence = itertools.count()
        self._one = one_at_a_time
        self._slow_ms = 0.0
        """What turns have taken lately: the longest one, and less with every turn that is quicker."""

    def bind(self, cases: Cases) -> None:
        self._handling.cases = self._cases = cases

    def start(self, works: list[Work]) -> None:
        for work in works:
            following: Work | None = work
            while following is not None:
                self.inside = following
                following = self._attempt(following)
        self.inside = None

    def next_due_s(self) -> float:
        return max(0.0, self._due[0][0] - time.monotonic()) if self._due else FOREVER_S

    def start_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, work = heapq.heappop(self._due)
            if not work.window.revoked:
                self.start([work])
            elif (following := self._cases.over(work)) is not None:
                self.start([following])

    def carry(self, message: Delivered, headers: Mapping[str, bytes]) -> tuple[list[Record], float] | None:
        """A turn on an event that is not committed yet: what it writes, and how long the function took in ms. None when
        the event must come through Kafka: the agent is slow, held, or at work elsewhere, or the turn is not over."""
        if self._slow_ms > QUICK_MS or not self._cases.begins_now or not self._one.acquire(blocking=False):
            return None
        try:
            handling = self._handling
            inbound = handling.admitted_early(message, headers)
            if inbound is None:
                return None
            turn = make_turn(handling.plan, handling.agent, inbound, handling.surroundings)
            self.early_since = time.monotonic()
            verdict, took_ms = self._run(turn)
            self.early_since = None
            inbound.spent_ms = took_ms
            records = handling.settled_early(inbound, turn, verdict)
            return None if records is None else (records, took_ms)
        finally:
            self._one.release()

    def _attempt(self, work: Work) -> Work | None:
        """Run one attempt; returns the next turn of the same case, if this one is over."""
        handling = self._handling
        with self._one:
            turn = handling.open(work)
            if turn is None:
                wait_ms, work.wait_ms = work.wait_ms or None, 0
            else:
                inbound = work.inbound
                assert inbound is not None
                verdict, took_ms = self._run(turn)
                inbound.spent_ms += took_ms
                wait_ms = handling.settle(work, turn, verdict)
        if wait_ms is not None:
            self._cases.keep_busy(work)
            heapq.heappush(self._due, (time.monotonic() + wait_ms / 1000, next(self._sequence), work))
            return None
        return self._cases.over(work)

    def _run(self, turn: Turn[Contract]) -> tuple[Verdict, float]:
        """The verdict on one attempt, and how long it took in ms."""
        handling = self._handling
        seat = seat_here()
        before, seat.subject = seat.subject, turn
        began = time.perf_counter()
        try:
            result = handling.agent.agent.function(turn, *handling.dependencies)
            took_ms = (time.perf_counter() - began) * 1000
            verdict = judge_result(handling.agent, result, took_ms)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # no exception crosses a turn
            took_ms = (time.perf_counter() - began) * 1000
            verdict = judge_exception(handling.agent, error)
        seat.subject = before
        self._slow_ms = max(took_ms, self._slow_ms * 0.9)
        return verdict, took_ms


class OnTheLoop(ABC):
    """A runner whose turns are tasks on the worker's event loop."""

    collects = True
    inside: Work | None = None
    early_since: float | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _see_through(self, work: Work) -> None:
        """All attempts of a turn, and then the turns of the same case that came meanwhile."""

    def start(self, works: list[Work]) -> None:
        self._loop.call_soon_threadsafe(self._start_here, works)

    def start_due(self) -> None:  # noqa: B027  # not left to others: there is nothing to do
        """Waits are the loop's business."""

    def next_due_s(self) -> float:
        return FOREVER_S

    def _start_here(self, works: list[Work]) -> None:
        for work in works:
            task = self._loop.create_task(self._see_through(work))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler({"message": "a turn broke the worker", "exception": error})


class LoopRunner(OnTheLoop):
    """`async` functions on the worker's event loop, and blocking ones in threads that the loop waits for."""

    def __init__(self, handling: Handling, loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor) -> None:
        super().__init__(loop)
        self._handling = handling
        self._pool = pool
        self._threads = asyncio.Semaphore(BLOCKING_THREADS)
        self.lingering: dict[Future[object], float] = {}

    def bind(self, cases: Cases) -> None:
        self._handling.cases = self._cases = cases

    async def _see_through(self, work: Work) -> None:
        """All attempts of a turn, and then the turns of the same case that came meanwhile."""
        following: Work | None = work
        while following is not None:
            work = following
            while not work.window.revoked:
                wait_ms = await self._attempt(work)
                if wait_ms is None:
                    break
                self._cases.keep_busy(work)
                await asyncio.sleep(wait_ms / 1000)
            following = self._cases.over(work)

    async def _attempt(self, work: Work) -> int | None:
        handling = self._handling
        agent = handling.agent
        turn = handling.open(work)
        if turn is None:
            return None
        SEAT.set(Seat(turn))  # in the context of this task, which is the case's alone
        if agent.agent.blocking:
            await self._threads.acquire()
        inbound = work.inbound
        assert inbound is not None
        began = time.perf_counter()
        try:
            async with asyncio.timeout(agent.budget_ms / 1000) as limit:
                turn.clock = AttemptClock(limit)
                result = await self._call(turn)
            took_ms = (time.perf_counter() - began) * 1000 - turn.queued_ms
            verdict = judge_result(agent, result, took_ms)
        except TimeoutError as error:
            took_ms = (time.perf_counter() - began) * 1000 - turn.queued_ms
            verdict = over_budget(agent, took_ms) if limit.expired() else judge_exception(agent, error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the worker is going down: the turn stays unfinished
            took_ms = (time.perf_counter() - began) * 1000
            verdict = judge_exception(agent, RuntimeError("the agent cancelled itself"))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # no exception crosses a turn
            took_ms = (time.perf_counter() - began) * 1000 - turn.queued_ms
            verdict = judge_exception(agent, error)
        finally:
            if agent.agent.blocking:
                self._threads.release()
        inbound.spent_ms += took_ms
        return handling.settle(work, turn, verdict)

    async def _call(self, turn: Turn[Contract]) -> object:
        handling = self._handling
        function = handling.agent.agent.function
        if handling.agent.agent.blocking:
            run = contextvars.copy_context().run
            running = self._pool.submit(run, function, turn, *handling.dependencies)
            try:
                return await asyncio.wrap_future(running)
            finally:
                if not running.done():  # its time is over, and its thread goes on
                    self.lingering[running] = time.monotonic()
                    running.add_done_callback(lambda one: self.lingering.pop(one, None))
        result = function(turn, *handling.dependencies)
        return await result if inspect.isawaitable(result) else result
