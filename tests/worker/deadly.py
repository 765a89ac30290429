"""A choreography whose agents kill, block or hang their process when a case says so; each notes every run it begins."""

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import Field

from misstep import Choreography, Contract, Turn, Undo, agent, compensate, dead_letter, retry

JOURNAL = "MISSTEP_TEST_JOURNAL"


class Task(Contract, name="deadly.task", version="1.0"):
    """`does`: agent -> what it does: `exit`, `segv`, `kill`, `hang`, `fail`, or seconds to take."""

    number: int
    does: dict[str, str] = Field(default_factory=dict)


class AfterPlain(Task, name="deadly.after_plain", version="1.0"):
    """After `plain`."""


class AfterPlainToo(Task, name="deadly.after_plain_too", version="1.0"):
    """After `plain_too`."""


class AfterCoro(Task, name="deadly.after_coro", version="1.0"):
    """After `coro`."""


class AfterThread(Task, name="deadly.after_thread", version="1.0"):
    """After `thread`."""


class AfterBrief(Task, name="deadly.after_brief", version="1.0"):
    """After `brief`."""


class AfterBriefCoro(Task, name="deadly.after_brief_coro", version="1.0"):
    """After `brief_coro`."""


class Over(Contract, name="deadly.over", version="1.0"):
    """The end."""

    number: int


def begin(turn: Turn[Any]) -> float:
    """Note the run, and do what the case says; returns how many seconds are left to take."""
    return do(turn.agent, turn.case_id, turn.payload)


def do(who: str, case_id: str, payload: Task) -> float:
    """See `begin`."""
    with Path(os.environ[JOURNAL]).open("a") as journal:  # one write of a line: whole, though the process dies next
        journal.write(f"{who} {case_id}\n")
    what = payload.does.get(who, "0")
    match what:
        case "exit":
            os._exit(11)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            while True:
                time.sleep(1)
        case "fail":
            raise KeyError("missing")
    return float(what)


def runs(journal: Path) -> Counter[tuple[str, str]]:
    """(agent, case) -> how often a run of it began."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return Counter((line.split(" ")[0], line.split(" ")[1]) for line in lines)


@agent(budget="60s", owner="tests")
def plain(turn: Turn[Task]) -> AfterPlain:
    """Runs in the polling thread."""
    time.sleep(begin(turn))
    return AfterPlain(**turn.payload.model_dump())


@agent(budget="300ms", owner="tests")
def plain_too(turn: Turn[AfterPlain]) -> AfterPlainToo:
    """Another plain agent, whose turns are carried on; it must be quick."""
    time.sleep(begin(turn))
    return AfterPlainToo(**turn.payload.model_dump())


@agent(budget="60s", owner="tests")
async def coro(turn: Turn[AfterPlainToo]) -> AfterCoro:
    """Runs on the event loop."""
    await asyncio.sleep(begin(turn))
    return AfterCoro(**turn.payload.model_dump())


@agent(budget="60s", owner="tests", blocking=True)
def thread(turn: Turn[AfterCoro]) -> AfterThread:
    """Runs in a thread of its own."""
    time.sleep(begin(turn))
    return AfterThread(**turn.payload.model_dump())


@agent(budget="300ms", owner="tests")
def brief(turn: Turn[AfterThread]) -> AfterBrief:
    """Runs in the polling thread, and must be quick."""
    time.sleep(begin(turn))
    return AfterBrief(**turn.payload.model_dump())


@agent(budget="300ms", owner="tests")
async def brief_coro(turn: Turn[AfterBrief]) -> AfterBriefCoro:
    """Runs on the event loop, and must be quick."""
    await asyncio.sleep(begin(turn))
    return AfterBriefCoro(**turn.payload.model_dump())


@agent(budget="300ms", owner="tests", blocking=True)
def brief_thread(turn: Turn[AfterBriefCoro]) -> Over:
    """Runs in a thread of its own, and must be quick."""
    time.sleep(begin(turn))
    return Over(number=turn.payload.number)


deadly = Choreography("deadly", starts=Task, deadline="10m", handoffs=0)
deadly.on(plain, agent_fault=dead_letter, waive="nothing of its own can fail")
deadly.on(plain_too, latency_blow=dead_letter, agent_fault=dead_letter, waive="nothing of its own can fail")
deadly.on(coro, agent_fault=retry(2, first="50ms") | dead_letter, waive="nothing of its own can fail")
deadly.on(thread, agent_fault=dead_letter, waive="nothing of its own can fail")
deadly.on(brief, latency_blow=dead_letter, agent_fault=compensate, waive="nothing of its own can fail")
deadly.on(brief_coro, latency_blow=dead_letter, waive="nothing of its own can fail")
deadly.on(brief_thread, latency_blow=dead_letter, waive="nothing of its own can fail")


@deadly.undo(coro)
async def undo_coro(undo: Undo[AfterPlainToo, AfterCoro]) -> None:
    """Does what the case says."""
    await asyncio.sleep(do("undo_coro", undo.case_id, undo.input))
