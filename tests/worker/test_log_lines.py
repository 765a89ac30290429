"""What an agent logs during a turn says whose turn it was: plain, async and blocking agents, and undos."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from typing import Literal

import orjson
import pytest
import structlog
from structlog.testing import LogCapture

from misstep import Choreography, Contract, Failure, Turn, Undo, agent, compensate, dead_letter
from misstep.logs import SEAT, Seat, configure_logs, say_whose_turn_it_is
from misstep.saga.compile import compile_plan
from tests.worker.conftest import Site, make_site_of  # noqa: F401

log = structlog.get_logger("rooms.agents")


class Asked(Contract, name="lines.asked", version="1.0"):
    """The case."""

    number: int


class Plain(Asked, name="lines.plain", version="1.0"):
    """After the plain agent."""


class Awaited(Asked, name="lines.awaited", version="1.0"):
    """After the async agent."""


class Over(Asked, name="lines.over", version="1.0"):
    """Never made."""


@agent(budget="2s", owner="tests", effect="none really")
def plain(turn: Turn[Asked]) -> Plain:
    """Logs and goes on."""
    log.info("said", by="plain", number=turn.payload.number)
    return Plain(number=turn.payload.number)


@agent(budget="2s", owner="tests")
async def awaited(turn: Turn[Plain]) -> Awaited:
    """Logs after others have had their turn."""
    await asyncio.sleep(0.05)
    log.info("said", by="awaited", number=turn.payload.number, agent="its own word")
    return Awaited(number=turn.payload.number)


@agent(budget="2s", owner="tests", blocking=True)
def blocking(turn: Turn[Awaited]) -> Over | Failure[Literal["compliance_fail"]]:
    """Logs in a thread of its own, and fails."""
    log.info("said", by="blocking", number=turn.payload.number)
    return turn.fail("compliance_fail", "so that something is undone")


lines = Choreography("lines", starts=Asked, deadline="5m", handoffs=0)
lines.on(plain, waive="nothing of its own can fail")
lines.on(awaited, waive="nothing of its own can fail")
lines.on(blocking, compliance_fail=compensate, agent_fault=dead_letter)


@lines.undo(plain)
async def unplain(undo: Undo[Asked, Plain]) -> None:
    """Logs while it undoes."""
    log.info("said", by="undo", number=undo.input.number)


@pytest.fixture
def captured() -> Iterator[LogCapture]:
    """Every line of the process, as the processor leaves it."""
    capture, before = LogCapture(), structlog.get_config()
    structlog.configure(processors=[say_whose_turn_it_is, capture], cache_logger_on_first_use=False)
    yield capture
    structlog.configure(**before)


def test_every_line_of_a_turn_says_whose_it_is(
    make_site_of: Callable[..., Site],  # noqa: F811
    captured: LogCapture,
) -> None:
    site = make_site_of(compile_plan(lines))
    site.publish([Asked(number=number) for number in range(5)])
    with site.hosting():
        site.wait_for_outcomes(5)
    said = [one for one in captured.entries if one["event"] == "said"]
    assert len(said) == 4 * 5
    versions = {"plain": 1, "awaited": 2, "blocking": 3, "undo": 5}
    agents = {"plain": "plain", "awaited": "its own word", "blocking": "blocking", "undo": "plain"}
    for one in said:
        by = one["by"]
        assert (one["workflow"], one["case_id"], one["epoch"]) == ("lines", f"case-{one['number']}", 0)
        assert (one["agent"], one["version"]) == (agents[by], versions[by])


def test_a_line_between_turns_says_nothing_of_a_case() -> None:
    assert say_whose_turn_it_is(None, "info", {"event": "x"}) == {"event": "x"}
    token = SEAT.set(Seat())
    assert say_whose_turn_it_is(None, "info", {"event": "x"}) == {"event": "x"}
    SEAT.reset(token)


def test_a_standard_error_that_is_gone_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("info", json=True)
    gone, here = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    gone.close()
    structlog.get_logger().info("nobody hears this")
    monkeypatch.setattr(sys, "stderr", here)
    structlog.get_logger().info("but this")
    assert orjson.loads(here.getvalue())["event"] == "but this"
