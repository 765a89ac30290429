"""Two workflows that ask one bureau, and one that remembers what an expensive step came to."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from misstep import Choreography, Contract, Failure, Turn, Wiring, agent, dead_letter, escalate, retry


class Job(Contract, name="resilience.job", version="1.0"):
    number: int = Field(ge=0)


class Found(Contract, name="resilience.found", version="1.0"):
    number: int
    queued_ms: float = 0.0


class Scan(Contract, name="resilience.scan", version="1.0"):
    number: int
    text: str


class Bureau:
    """A dependency that is down while a test says so, and counts who asks."""

    def __init__(self) -> None:
        self.down = threading.Event()
        self.asked: list[float] = []

    def answer(self) -> None:
        self.asked.append(time.monotonic())
        if self.down.is_set():
            raise ConnectionRefusedError("the bureau is closed")


class Slowly(Bureau):
    """The same, with a rate."""


def wiring_of(bureau: Bureau, slowly: Slowly, breaker: str = "3 failures, 1s") -> Wiring:
    """The wiring of a test, which holds what it wires."""
    wiring = Wiring()

    @wiring.provides(dependency="bureau", breaker=breaker)
    async def the_bureau() -> AsyncIterator[Bureau]:
        yield bureau

    @wiring.provides(dependency="slowly", rate="5/s")
    async def slow_bureau() -> AsyncIterator[Slowly]:
        yield slowly

    return wiring


@agent(budget="2s")
async def hurry(turn: Turn[Job], bureau: Bureau) -> Found | Failure[Literal["model_down"]]:
    async with turn.calling("bureau"):
        bureau.answer()
    return Found(number=turn.payload.number)


fast = Choreography("fast", starts=Job, deadline="5m", handoffs=0)
fast.on(hurry, model_down=escalate, waive="a test")


@agent(budget="500ms", when_open="pause")
async def wait(turn: Turn[Job], bureau: Bureau) -> Found | Failure[Literal["model_down"]]:
    async with turn.calling("bureau"):
        bureau.answer()
    return Found(number=turn.payload.number)


patient = Choreography("patient", starts=Job, deadline="5m", handoffs=0)
patient.on(wait, model_down=retry(2, first="10ms") | dead_letter)


@agent(budget="500ms", blocking=True)
def queue(turn: Turn[Job], slowly: Slowly) -> Found | Failure[Literal["model_down"]]:
    with turn.calling("slowly"):
        slowly.answer()
    return Found(number=turn.payload.number)


paced = Choreography("paced", starts=Job, deadline="5m", handoffs=0)
paced.on(queue, model_down=dead_letter)


async def expensive(number: int) -> Scan:
    """Counts its runs in a file, a line each."""
    with Path(os.environ["STEP_RUNS"]).open("a") as runs:
        runs.write(f"{number}\n")
    return Scan(number=number, text=f"scan {number} by process {os.getpid()}")


async def cannot_be_kept(number: int) -> str:
    return "x" * 300_000


@agent(budget="5s")
async def scan(turn: Turn[Job]) -> Found | Failure[Literal["model_down", "rubric_fail"]]:
    scanned = await turn.step("scan", expensive, turn.payload.number)
    if turn.payload.number == 13:
        await turn.step("large", cannot_be_kept, 13)
    if turn.payload.number % 5 == 4 and turn.attempt == 1:
        return turn.fail("rubric_fail", "look again")
    await asyncio.sleep(0)
    turn.note("scanned", by=scanned.text)
    return Found(number=scanned.number)


scanned = Choreography("scanned", starts=Job, deadline="5m", handoffs=0)
scanned.on(
    scan,
    model_down=retry(30, first="200ms", cap="500ms") | dead_letter,
    rubric_fail=retry(2, first="10ms", varies="the light") | dead_letter,
)
