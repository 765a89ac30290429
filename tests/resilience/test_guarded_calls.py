"""`turn.calling` behind a breaker and a rate, on virtual time: what is called, what is refused, what it waits for."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from email.message import Message
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest

from misstep import Failure
from misstep.agents.attempt_clock import AttemptClock
from misstep.agents.breaker import Change, Circuit
from misstep.agents.calling import DependencyDown, calling
from misstep.agents.dependency_limits import Breaker, Rate
from misstep.agents.guard import Guard
from misstep.testing.virtual_clock import VirtualLoop

DOWN = ConnectionRefusedError("nobody there")


class Watched:
    def __init__(self) -> None:
        self.circuits: list[str] = []
        self.waits: list[float] = []

    def circuit_changed(self, dependency: str, change: Change) -> None:
        self.circuits.append(change.circuit.text)

    def waited_for_rate(self, dependency: str, seconds: float) -> None:
        self.waits.append(round(seconds, 3))


class Bench:
    """A ledger behind a guard, called on virtual time."""

    def __init__(self, breaker: Breaker | None = None, rate: Rate | None = None) -> None:
        self.loop = VirtualLoop()
        self.watched = Watched()
        self.guard = Guard("ledger", breaker or Breaker(2, 10_000), rate, self.loop.time, self.watched)
        self.calls: list[float] = []

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            self.loop.run_until_complete(coroutine)
        finally:
            self.loop.close()

    async def call(self, raises: BaseException | None = None, takes_s: float = 0.0, **options: Any) -> None:
        async with calling("post_entry", "ledger", {"ledger"}, self.guard, **options):
            self.calls.append(self.loop.time())
            await asyncio.sleep(takes_s)
            if raises is not None:
                raise raises

    async def fail(self, times: int = 1, raises: BaseException = DOWN, **options: Any) -> DependencyDown:
        """The last of so many failures, each of which must have been one."""
        for _ in range(times):
            failure = await failed(self.call(raises, **options))
        return failure


async def failed(call: Awaitable[None]) -> DependencyDown:
    with pytest.raises(DependencyDown) as told:
        await call
    return told.value


def http_error(status: int, retry_after: str | None = None) -> HTTPError:
    headers = Message()
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return HTTPError("http://ledger.test", status, "no", headers, None)


def test_an_open_circuit_is_a_failure_at_once_that_says_for_how_long() -> None:
    bench = Bench()

    async def turns() -> None:
        await bench.fail(2)
        await asyncio.sleep(4)
        refused = await bench.fail(spread="case-1")
        assert refused.reason == "model_down"
        assert refused.detail == (
            "ledger: its circuit is open for another 6.0 s (2 failures in a row); it was not called"
        )
        assert refused.evidence == {"dependency": "ledger", "circuit": "open"}
        assert refused.agent == "post_entry"
        assert 6.0 <= refused.retry_after <= 9.0

    bench.run(turns())
    assert len(bench.calls) == 2


def test_those_who_are_refused_come_back_each_at_its_own_time() -> None:
    bench = Bench()

    async def turns() -> None:
        await bench.fail(2)
        back = {(await bench.fail(spread=f"case-{number}")).retry_after for number in range(20)}
        assert len(back) == 20
        assert min(back) >= 10.0
        assert (await bench.fail(spread="case-7")).retry_after in back, "and always the same for the same turn"

    bench.run(turns())


def test_one_of_many_tries_it_out_and_the_others_are_told_so() -> None:
    bench = Bench()

    async def turns() -> None:
        await bench.fail(2)
        await asyncio.sleep(10)
        probe = asyncio.create_task(bench.call(takes_s=3))
        await asyncio.sleep(1)
        refused = await bench.fail()
        assert refused.evidence == {"dependency": "ledger", "circuit": "half_open"}
        assert "another turn tries it out" in refused.detail
        await probe
        await bench.call()

    bench.run(turns())
    assert bench.watched.circuits == ["open", "half_open", "closed"]


@pytest.mark.parametrize(
    "harmless",
    [
        KeyError("the agent's own bug"),
        psycopg.errors.UniqueViolation("twice"),
        Failure("rubric_fail", "the agent's own word"),
        http_error(404),
    ],
    ids=repr,
)
def test_only_what_means_down_counts(harmless: Exception) -> None:
    bench = Bench()

    async def turns() -> None:
        for _ in range(5):
            with pytest.raises(type(harmless)):
                await bench.call(harmless)
        await bench.call()

    bench.run(turns())
    assert bench.watched.circuits == []


def test_a_probe_that_ends_by_the_agents_own_bug_leaves_the_seat_to_the_next() -> None:
    bench = Bench()

    async def turns() -> None:
        await bench.fail(2)
        await asyncio.sleep(10)
        with pytest.raises(KeyError):
            await bench.call(KeyError("bug"))
        await bench.call()

    bench.run(turns())
    assert bench.watched.circuits == ["open", "half_open", "closed"]


def test_a_turn_whose_time_runs_out_inside_the_call_counts_and_one_that_is_cancelled_does_not() -> None:
    bench = Bench()

    async def turn(budget_s: float) -> None:
        async with asyncio.timeout(budget_s) as limit:
            await bench.call(takes_s=60, attempt=AttemptClock(limit))

    async def turns() -> None:
        for _ in range(3):
            cancelled = asyncio.create_task(turn(30))
            await asyncio.sleep(1)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        assert bench.watched.circuits == []
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await turn(2)
        assert bench.watched.circuits == ["open"]

    bench.run(turns())


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_asked_for_holds_the_dependency_for_every_turn(status: int) -> None:
    bench = Bench(Breaker(5, 10_000))

    async def turns() -> None:
        first = await bench.fail(raises=http_error(status, "7"))
        assert first.retry_after == 7.0
        await asyncio.sleep(1)
        other = await bench.fail(spread="another case")
        assert "open for another 6.0 s (1 failure in a row)" in other.detail
        await asyncio.sleep(6)
        await bench.call()

    bench.run(turns())
    assert bench.calls == [0.0, 7.0]


def test_a_wait_that_is_asked_for_until_a_date_does_too() -> None:
    bench = Bench(Breaker(5, 10_000))

    async def turns() -> None:
        asked = http_error(503, "Sun, 01 Mar 2026 12:00:20 GMT")
        noon = 1_772_366_400.0
        failure = await bench.fail(raises=asked, wall=lambda: noon)
        assert failure.retry_after == 20.0
        assert (await bench.fail()).evidence["circuit"] == "open"

    bench.run(turns())


def test_nonsense_in_its_place_is_an_ordinary_failure() -> None:
    bench = Bench(Breaker(5, 10_000))

    async def turns() -> None:
        failure = await bench.fail(raises=http_error(503, "in a while"))
        assert failure.retry_after == 0.0
        await bench.call()

    bench.run(turns())
    assert bench.watched.circuits == []


def test_a_patient_agent_waits_for_the_circuit_and_its_budget_stands_still() -> None:
    bench = Bench()
    done: list[float] = []

    async def turn(takes_s: float) -> None:
        async with asyncio.timeout(2) as limit:
            clock = AttemptClock(limit)
            await bench.call(takes_s=takes_s, patient=True, attempt=clock)
            await asyncio.sleep(0.5)
        done.append(bench.loop.time())
        assert clock.queued_ms == pytest.approx(10_000, abs=1_500)

    async def turns() -> None:
        await bench.fail(2)
        await asyncio.gather(*(turn(1.0) for _ in range(50)))

    bench.run(turns())
    assert sorted(bench.calls)[2:4] == pytest.approx([10.0, 11.0], abs=1e-3), "one tries it out, the others follow"
    assert len(done) == 50
    assert max(done) == pytest.approx(12.5, abs=0.01)


def test_a_patient_agents_own_slowness_still_counts() -> None:
    bench = Bench()

    async def turn() -> None:
        async with asyncio.timeout(2) as limit:
            await bench.call(takes_s=3.0, patient=True, attempt=AttemptClock(limit))

    async def turns() -> None:
        await bench.fail(2)
        began = bench.loop.time()
        with pytest.raises(TimeoutError):
            await turn()
        assert bench.loop.time() - began == pytest.approx(12.0, abs=1e-3)

    bench.run(turns())


def test_patience_ends_with_the_cases_time() -> None:
    bench = Bench()

    async def turns() -> None:
        await bench.fail(2)
        refused = await bench.fail(patient=True, left_s=lambda: 4.0)
        assert bench.loop.time() == pytest.approx(4.0, abs=1e-3)
        assert refused.evidence["circuit"] == "open"

    bench.run(turns())
    assert len(bench.calls) == 2


def test_a_call_inside_another_counts_against_its_own_dependency_alone() -> None:
    bench = Bench()
    inner = Guard("model", Breaker(2, 10_000), None, bench.loop.time, Watched())

    async def both() -> None:
        async with (
            calling("post_entry", "ledger", {"ledger"}, bench.guard),
            calling("post_entry", "model", {"model"}, inner),
        ):
            raise DOWN

    async def turns() -> None:
        for _ in range(4):
            await failed(both())
        assert inner.refusal() is not None

    bench.run(turns())
    assert bench.watched.circuits == []


def test_a_client_that_says_itself_that_it_is_down_counts() -> None:
    bench = Bench()

    async def turns() -> None:
        said = DependencyDown("model_down", "overloaded", {})
        said.retry_after = 3.0
        await bench.fail(raises=said)
        refused = await bench.fail()
        assert "open for another 3.0 s" in refused.detail

    bench.run(turns())


def test_a_rate_is_waited_for_in_turn_and_the_budget_stands_still() -> None:
    bench = Bench(rate=Rate(2, 1_000))
    order: list[int] = []

    async def turn(number: int) -> None:
        async with asyncio.timeout(0.5) as limit:
            await bench.call(attempt=AttemptClock(limit))
        order.append(number)

    async def turns() -> None:
        await asyncio.gather(*(turn(number) for number in range(9)))

    bench.run(turns())
    assert order == list(range(9))
    assert [round(at, 3) for at in bench.calls] == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert bench.watched.waits == [1, 1, 2, 2, 3, 3, 4]


def test_who_waits_for_a_rate_when_the_circuit_opens_learns_of_it_at_once() -> None:
    bench = Bench(Breaker(1, 30_000), Rate(1, 10_000))

    async def turns() -> None:
        first = asyncio.create_task(failed(bench.call(DOWN, takes_s=10)))
        await asyncio.sleep(0)
        others = [asyncio.create_task(failed(bench.call())) for _ in range(5)]
        await asyncio.wait([first])
        refused = await asyncio.gather(*others)
        assert {failure.evidence["circuit"] for failure in refused} == {"open"}

    bench.run(turns())
    assert bench.loop.time() < 11
    assert len(bench.calls) == 1


def test_a_rate_without_room_in_the_cases_time_is_a_failure() -> None:
    bench = Bench(rate=Rate(1, 3_600_000))

    async def turns() -> None:
        await bench.call()
        failure = await bench.fail(left_s=lambda: 5.0)
        assert failure.detail == (
            "ledger: its rate (1 call in 3600 s) leaves no room in the time that there is; it was not called"
        )
        assert bench.loop.time() == pytest.approx(5.0, abs=1e-3)

    bench.run(turns())


def test_who_is_cancelled_in_line_leaves_it() -> None:
    bench = Bench(rate=Rate(1, 10_000))

    async def turns() -> None:
        await bench.call()
        waiting = asyncio.create_task(bench.call())
        behind = asyncio.create_task(bench.call())
        await asyncio.sleep(1)
        waiting.cancel()
        await behind
        assert bench.loop.time() == pytest.approx(10.0, abs=1e-3)

    bench.run(turns())


def blocking(guard: Guard, call: Callable[[], None], **options: Any) -> None:
    with calling("post_entry", "ledger", {"ledger"}, guard, **options):
        call()


def test_a_blocking_agent_calls_from_its_thread() -> None:
    watched = Watched()
    guard = Guard("ledger", Breaker(2, 300), None, time.monotonic, watched)

    def breaks() -> None:
        raise DOWN

    for _ in range(2):
        with pytest.raises(DependencyDown, match="model_down"):
            blocking(guard, breaks)
    with pytest.raises(DependencyDown) as refused:
        blocking(guard, breaks)
    assert refused.value.evidence == {"dependency": "ledger", "circuit": "open"}
    assert not refused.value.free
    with pytest.raises(DependencyDown) as told_to_wait:
        blocking(guard, breaks, patient=True)
    assert told_to_wait.value.free, "it waits outside its thread"
    while (waits := guard.refusal()) is not None:
        time.sleep(waits.left_s)
    with pytest.raises(DependencyDown) as tried_out:
        blocking(guard, breaks, patient=True)
    assert tried_out.value.free
    while (waits := guard.refusal()) is not None:
        time.sleep(waits.left_s)
    done: list[int] = []
    blocking(guard, lambda: done.append(1))
    threads = [threading.Thread(target=lambda: blocking(guard, lambda: done.append(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 9
    assert watched.circuits == ["open", "half_open", "open", "half_open", "closed"]


def test_one_that_must_not_block_is_refused_instead() -> None:
    guard = Guard("ledger", None, Rate(1, 60_000), time.monotonic, Watched())
    blocking(guard, lambda: None, may_block=False)
    with pytest.raises(DependencyDown, match="model_down"):
        blocking(guard, lambda: None, may_block=False)


def test_its_states_are_the_numbers_of_the_metric() -> None:
    assert [(circuit.text, int(circuit)) for circuit in Circuit] == [("closed", 0), ("half_open", 1), ("open", 2)]
