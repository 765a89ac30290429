"""A rate: never more in any span of its time, in the order of coming, whoever leaves the line."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from misstep.agents.dependency_limits import Rate, read_rate
from misstep.agents.rate_limit import RateLimit
from misstep.errors import UsageError
from misstep.testing.virtual_clock import VirtualLoop
from tests.resilience.hand_clock import HandClock


def on_virtual_time(coroutine: Coroutine[Any, Any, None], loop: VirtualLoop) -> None:
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


def test_in_no_span_of_its_time_are_there_more_and_the_first_to_come_is_the_first_to_go() -> None:
    loop = VirtualLoop()
    limit = RateLimit(5, 1.0, loop.time)
    went: list[tuple[int, float]] = []

    async def call(number: int) -> None:
        if not limit.at_once():
            await limit.in_turn()
        went.append((number, loop.time()))

    async def crowd() -> None:
        await asyncio.gather(*(call(number) for number in range(23)))

    on_virtual_time(crowd(), loop)
    assert [number for number, _ in went] == list(range(23))
    moments = [at for _, at in went]
    assert all(later - earlier >= 1.0 - 1e-5 for earlier, later in zip(moments, moments[5:], strict=False))
    assert moments[-1] == pytest.approx(4.0, abs=1e-3), "and no time is lost either"


def test_who_leaves_the_line_gives_his_place_to_the_next() -> None:
    loop = VirtualLoop()
    limit = RateLimit(1, 10.0, loop.time)
    went: list[tuple[str, float]] = []

    async def call(name: str) -> None:
        await limit.in_turn()
        went.append((name, loop.time()))

    async def crowd() -> None:
        tasks = {}
        for name in "abcd":
            tasks[name] = asyncio.create_task(call(name))
            await asyncio.sleep(0)
        await asyncio.sleep(5)
        tasks["b"].cancel()
        tasks["c"].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    on_virtual_time(crowd(), loop)
    assert [(name, round(at, 3)) for name, at in went] == [("a", 0.0), ("d", 10.0)]


def test_a_place_that_is_given_back_is_free_at_once() -> None:
    limit = RateLimit(2, 60.0, HandClock())
    assert [limit.at_once() for _ in range(3)] == [True, True, False]
    limit.give_back()
    assert [limit.at_once() for _ in range(2)] == [True, False]


def test_a_clock_that_jumps_back_does_not_stop_it() -> None:
    clock = HandClock()
    limit = RateLimit(1, 10.0, clock)
    assert limit.at_once()
    clock.pass_s(-1_000_000)
    assert not limit.at_once()
    clock.pass_s(10)
    assert limit.at_once()


def test_a_thread_waits_its_turn_beside_the_others_and_no_longer_than_it_may() -> None:
    limit = RateLimit(4, 0.2, time.monotonic)
    went: list[bool] = []

    def call() -> None:
        went.append(limit.in_turn_blocking(60))

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert went == [True] * 12
    slow = RateLimit(1, 3600.0, time.monotonic)
    assert slow.in_turn_blocking(0)
    assert not slow.in_turn_blocking(0.01)


def test_it_is_read_as_people_write_it() -> None:
    assert read_rate("50/s", what="") == Rate(50, 1_000)
    assert read_rate(" 3 / m ", what="") == Rate(3, 60_000)


@pytest.mark.parametrize("text", ["", "fast", "50", "/s", "0/s", "-5/s", "50/d", "5.5/s", "50/s/s", "fifty per second"])
def test_a_text_that_says_nothing_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"ledger: rate .* is none; write it like '50/s', '50/m' or '50/h'"):
        read_rate(text, what="ledger")
