"""Around a call: what means "it is down" becomes model_down, and nothing else does."""

import asyncio
import socket
import urllib.error
from email.message import Message

import psycopg
import pytest

from misstep import Failure
from misstep.agents.calling import DependencyDown, UnknownDependency, calling
from misstep.agents.down import is_down


def _called(error: BaseException) -> None:
    async def call() -> None:
        async with calling("post_entry", "ledger", {"ledger"}):
            raise error

    asyncio.run(call())


class TransportError(Exception):
    __module__ = "httpx"


class ReadTimeout(TransportError):
    __module__ = "httpx._exceptions"


class LocalError(Exception):
    """`TransportError` of somebody else."""


class Answer:
    def __init__(self, status: int, **headers: str) -> None:
        self.status_code = status
        self.headers = headers


class HTTPStatusError(Exception):
    __module__ = "httpx"

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(f"answered {status}")
        self.response = Answer(status, **headers)


def _http_error(status: int, retry_after: str = "") -> urllib.error.HTTPError:
    headers = Message()
    if retry_after:
        headers["Retry-After"] = retry_after
    return urllib.error.HTTPError("http://ledger", status, "no", headers, None)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        TimeoutError("the driver's own"),
        socket.gaierror("no such host"),
        OSError(113, "no route"),
        psycopg.OperationalError("server closed the connection"),
        psycopg.errors.AdminShutdown("terminating"),
        psycopg.InterfaceError("connection is lost"),
        ReadTimeout("slow"),
        HTTPStatusError(503),
        _http_error(429),
    ],
    ids=repr,
)
def test_what_means_that_it_is_down(error: Exception) -> None:
    with pytest.raises(DependencyDown) as failed:
        _called(error)
    failure = failed.value
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.agent) == ("model_down", "post_entry")
    assert failure.detail.startswith(f"ledger: {type(error).__name__}: ")
    assert failure.evidence["dependency"] == "ledger"
    assert failure.evidence["exception"] == type(error).__name__
    assert failure.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        KeyError("a bug"),
        ValueError("a bug"),
        psycopg.errors.UniqueViolation("twice"),
        psycopg.ProgrammingError("no such table"),
        LocalError("not the driver's"),
        HTTPStatusError(404),
        _http_error(404),
        Failure("rubric_fail", "the agent's own word"),
    ],
    ids=repr,
)
def test_what_does_not_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as passed:
        _called(error)
    assert passed.value is error


def test_a_wait_that_the_other_side_asks_for_is_kept() -> None:
    for error in (_http_error(503, retry_after="7"), HTTPStatusError(429, **{"Retry-After": "7"})):
        with pytest.raises(DependencyDown) as failed:
            _called(error)
        assert failed.value.retry_after == 7.0
        assert failed.value.evidence["http_status"] in (503, 429)


def test_the_turns_own_budget_is_not_the_dependencys_fault() -> None:
    async def turn() -> None:
        async with asyncio.timeout(0.01), calling("post_entry", "ledger", {"ledger"}):
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError) as late:
        asyncio.run(turn())
    assert not isinstance(late.value, Failure)


def test_nor_is_it_when_a_driver_wraps_the_cancellation() -> None:
    async def turn() -> None:
        async with asyncio.timeout(0.01), calling("post_entry", "ledger", {"ledger"}):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                raise psycopg.OperationalError("cancelled by the user") from None

    with pytest.raises(TimeoutError):
        asyncio.run(turn())


def test_a_time_limit_inside_is_the_dependencys() -> None:
    async def turn() -> None:
        async with calling("post_entry", "ledger", {"ledger"}), asyncio.timeout(0.01):
            await asyncio.sleep(5)

    with pytest.raises(DependencyDown, match="model_down"):
        asyncio.run(turn())


def test_a_name_that_the_wiring_does_not_know_is_a_bug() -> None:
    async def turn() -> None:
        async with calling("post_entry", "ledgr", {"ledger", "orders"}):
            raise AssertionError("never called")

    with pytest.raises(UnknownDependency, match=r"post_entry calls 'ledgr', .*\(it names: ledger, orders\)"):
        asyncio.run(turn())
    assert not is_down(UnknownDependency("ledgr"))
