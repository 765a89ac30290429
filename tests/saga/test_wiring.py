"""Dependencies are found by type, opened in order, closed in reverse; what is wrong is told by its place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NewType, Protocol

import pytest

from misstep import Choreography, Settings, Turn, Wiring, agent, dead_letter
from misstep.agents.dependency_limits import Breaker, Rate
from misstep.errors import MisstepError, ServerUnreachable, UsageError
from misstep.saga.compile import compile_plan
from tests.saga.loans import Application, Scored


class Ledger(Protocol):
    def book(self) -> str: ...


class Book:
    def __init__(self, name: str) -> None:
        self.name = name

    def book(self) -> str:
        return self.name


class Pool:
    pass


class LedgerSettings(Settings, env_prefix="TEST_LEDGER_"):
    dsn: str
    size: int = 4


Token = NewType("Token", str)


@agent(budget="1s")
def books(turn: Turn[Application], ledger: Ledger) -> Scored:
    return Scored(amount=len(ledger.book()), score=1)


def _plan() -> Any:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(books, latency_blow=dead_letter, waive="it only books")
    return compile_plan(made)


@pytest.fixture(autouse=True)
def dsn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_LEDGER_DSN", "postgresql://ledger")


def test_dependencies_are_opened_after_what_they_need_and_closed_in_reverse() -> None:
    wiring, events = Wiring(), []

    @wiring.provides(dependency="ledger", breaker="5 failures, 30s", rate="50/s")
    async def ledger(settings: LedgerSettings, pool: Pool) -> AsyncIterator[Ledger]:
        assert isinstance(pool, Pool)
        events.append(f"open {settings.dsn}")
        yield Book(settings.dsn)
        events.append("close ledger")

    @wiring.provides()
    async def pool() -> AsyncIterator[Pool]:
        events.append("open pool")
        yield Pool()
        events.append("close pool")

    @wiring.provides()
    async def token() -> AsyncIterator[Token]:
        events.append("never opened")
        yield Token("x")

    async def live() -> str:
        opened = await wiring.open({Ledger})
        assert set(opened.instances) == {Ledger, Pool}
        said: str = opened.instances[Ledger].book()
        await opened.close()
        return said

    assert asyncio.run(live()) == "postgresql://ledger"
    assert events == ["open pool", "open postgresql://ledger", "close ledger", "close pool"]
    assert wiring.dependency_names == {"ledger", "pool", "token"}
    (provider, *_) = wiring.providers
    assert (provider.breaker, provider.rate) == (Breaker(5, 30_000), Rate(50, 1_000))
    wiring.check(_plan())


def test_one_task_opens_and_closes() -> None:
    """Clients with cancel scopes must be left by the task that entered them."""
    wiring, tasks = Wiring(), []

    @wiring.provides()
    async def ledger() -> AsyncIterator[Ledger]:
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(60):
            yield Book("")
        tasks.append(asyncio.current_task())

    async def live() -> None:
        opened = await asyncio.create_task(wiring.open({Ledger}))
        await asyncio.create_task(opened.close())

    asyncio.run(live())
    assert tasks[0] is tasks[1] is not None


def test_what_was_opened_is_closed_when_the_next_does_not_open() -> None:
    wiring, events = Wiring(), []

    @wiring.provides()
    async def pool() -> AsyncIterator[Pool]:
        yield Pool()
        events.append("close pool")
        raise RuntimeError("a second error, which is only logged")

    @wiring.provides(dependency="books")
    async def ledger(pool: Pool) -> AsyncIterator[Ledger]:
        raise ConnectionRefusedError("nobody there")
        yield Book("")

    with pytest.raises(ServerUnreachable) as failed:
        asyncio.run(wiring.open({Ledger}))
    assert "books does not answer (ConnectionRefusedError: nobody there)" in str(failed.value)
    assert "test_wiring.py:" in str(failed.value)
    assert events == ["close pool"]


def test_a_bug_of_a_provider_is_no_server_that_is_away() -> None:
    wiring = Wiring()

    @wiring.provides()
    async def ledger() -> AsyncIterator[Ledger]:
        raise KeyError("dsn")
        yield Book("")

    with pytest.raises(UsageError, match="provider ledger could not open Ledger \\(KeyError: 'dsn'\\)"):
        asyncio.run(wiring.open({Ledger}))


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_LEDGER_DSN")
    monkeypatch.setenv("TEST_LEDGER_SIZE", "many")
    wiring = Wiring()

    @wiring.provides()
    async def ledger(settings: LedgerSettings) -> AsyncIterator[Ledger]:
        yield Book("")

    with pytest.raises(UsageError) as failed:
        asyncio.run(wiring.open({Ledger}))
    assert "TEST_LEDGER_DSN: Field required; TEST_LEDGER_SIZE: Input should be a valid integer" in str(failed.value)


def test_a_dependency_that_nothing_provides() -> None:
    with pytest.raises(UsageError, match="agent books: nothing provides ledger: Ledger; write a provider"):
        Wiring().check(_plan())


def test_a_provider_of_the_class_behind_a_protocol_is_told_how_to_say_it() -> None:
    class Kept(Ledger):
        def book(self) -> str:
            return ""

    wiring = Wiring()

    @wiring.provides()
    async def kept() -> AsyncIterator[Kept]:
        yield Kept()

    with pytest.raises(UsageError, match=r"Kept is one: annotate its provider as AsyncIterator\[Ledger\]"):
        wiring.check(_plan())


def test_what_a_provider_needs_is_provided_too() -> None:
    wiring = Wiring()

    @wiring.provides()
    async def ledger(pool: Pool) -> AsyncIterator[Ledger]:
        yield Book("")

    with pytest.raises(UsageError, match="provider ledger, pool, needs Pool, which nothing provides"):
        wiring.check(_plan())


def test_providers_that_need_each_other() -> None:
    wiring = Wiring()

    @wiring.provides()
    async def ledger(pool: Pool) -> AsyncIterator[Ledger]:
        yield Book("")

    @wiring.provides()
    async def pool(ledger: Ledger) -> AsyncIterator[Pool]:
        yield Pool()

    with pytest.raises(UsageError, match=r"needs itself to be opened first \(Ledger -> Pool -> Ledger\)"):
        wiring.check(_plan())


async def _plain(settings: LedgerSettings) -> Ledger:
    return Book("")


async def _untyped(settings) -> AsyncIterator[Ledger]:  # type: ignore[no-untyped-def]
    yield Book("")


async def _unreturned():  # type: ignore[no-untyped-def]
    yield Book("")


async def _good() -> AsyncIterator[Ledger]:
    yield Book("")


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda wiring: wiring.provides()(_plain), "provider _plain is no async generator"),
        (lambda wiring: wiring.provides()(_untyped), "parameter 'settings' has no type"),
        (lambda wiring: wiring.provides()(_unreturned), r"annotate what it returns as AsyncIterator\[TheType\]"),
        (lambda wiring: wiring.provides(breaker="often")(_good), "breaker 'often' is none; write it like '5 failures"),
        (lambda wiring: wiring.provides(breaker="0 failures, 3s")(_good), "breaker '0 failures, 3s' is none"),
        (lambda wiring: wiring.provides(breaker="5 failures, soon")(_good), "breaker's time 'soon' is not a duration"),
        (lambda wiring: wiring.provides(rate="50")(_good), "rate '50' is none; write it like '50/s'"),
        (lambda wiring: wiring.provides(rate="0/s")(_good), "rate '0/s' is none"),
        (lambda wiring: [wiring.provides()(_good), wiring.provides()(_good)], "Ledger is provided at .* already"),
    ],
)
def test_a_provider_that_is_none(declare: Callable[[Wiring], object], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        declare(Wiring())
    assert "test_wiring.py:" in str(refused.value)


def test_two_dependencies_of_one_name() -> None:
    wiring = Wiring()

    @wiring.provides(dependency="books")
    async def ledger() -> AsyncIterator[Ledger]:
        yield Book("")

    with pytest.raises(MisstepError, match="dependency 'books' is the one at"):

        @wiring.provides(dependency="books")
        async def pool() -> AsyncIterator[Pool]:
            yield Pool()
