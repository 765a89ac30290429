"""Runs what is no agent's turn: the coordinator's commands and agents' undos, as tasks on the worker's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from types import MappingProxyType

from misstep.agents.decide import TryAgain
from misstep.agents.inbound import Delivered
from misstep.agents.unwinding import UNDO_FAILED
from misstep.agents.worker.committer import Finished
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.runner import OnTheLoop
from misstep.agents.worker.work import Cases, Work
from misstep.contracts.event import OK, Record

Tries = list[tuple[str, int]]
Answer = Callable[[Delivered, Tries, int], Awaitable[list[Record] | TryAgain]]
"""Of a message, the attempts made, and in how many processes that died it was, as far as is known."""


class SagaRunner(OnTheLoop):
    """Answers each message with records, or with a wait and another try."""

    lingering: Mapping[Future[object], float] = MappingProxyType({})

    def __init__(
        self,
        name: str,
        answer: Answer,
        submit: Callable[[Finished], None],
        loop: asyncio.AbstractEventLoop,
        metrics: Metrics,
    ) -> None:
        super().__init__(loop)
        self._name = name
        self._answer = answer
        self._submit = submit
        self._metrics = metrics

    def bind(self, cases: Cases) -> None:
        self._cases = cases

    async def _see_through(self, work: Work) -> None:
        following: Work | None = work
        while following is not None:
            work = following
            made = work.earlier[0] if work.earlier is not None else 0
            tries: Tries = [(UNDO_FAILED, 0)] * made
            while not work.window.revoked:
                result = await self._answer(work.message, tries, work.deaths)
                if not isinstance(result, TryAgain):
                    self._finish(work, result)
                    break
                work.tried = True
                work.window.attempts[work.position] = (len(tries), 0)
                work.window.tried = True
                self._metrics.retried(self._name, UNDO_FAILED)
                self._cases.keep_busy(work)
                await asyncio.sleep(result.wait_ms / 1000)
            following = self._cases.over(work)

    def _finish(self, work: Work, records: list[Record]) -> None:
        reason = next((value for name, value in records[0].headers if name == "ce_failurereason"), None) or b"ok"
        self._submit(
            Finished(self._cases, work.window, work.position, records, reason.decode() or OK, lambda why: records)
        )
