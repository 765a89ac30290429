"""`Retry-After` in its two forms, and the nonsense that servers send."""

from datetime import UTC, datetime
from email.message import Message
from urllib.error import HTTPError

import pytest

from misstep.agents.down import RETRY_AFTER_MAX_S, retry_after_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp()


def answer(retry_after: str, date: str = "") -> HTTPError:
    headers = Message()
    headers["Retry-After"] = retry_after
    if date:
        headers["Date"] = date
    return HTTPError("http://models.test", 503, "Service Unavailable", headers, None)


def asked(retry_after: str, date: str = "") -> float:
    return retry_after_s(answer(retry_after, date), lambda: NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sunday, 01-Mar-26 12:00:30 GMT", 30.0),
        ("Sun Mar  1 12:00:30 2026", 30.0),
    ],
)
def test_seconds_and_the_three_forms_of_a_date_are_read(text: str, seconds: float) -> None:
    assert asked(text) == seconds


def test_a_date_is_compared_with_the_servers_own_clock() -> None:
    assert asked("Sun, 01 Mar 2026 09:00:45 GMT", date="Sun, 01 Mar 2026 09:00:00 GMT") == 45.0


@pytest.mark.parametrize("text", ["99999999999", "9" * 5_000, "Fri, 01 Mar 2126 12:00:00 GMT"])
def test_a_wait_without_measure_is_an_hour(text: str) -> None:
    assert asked(text) == RETRY_AFTER_MAX_S


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "1e3",
        "²",
        "٣",
        "nan",
        "inf",
        "7 seconds",
        "Sun, 01 Mar 2026 11:00:00 GMT",
        "Sun, 99 Foo 2026 99:99:99 GMT",
        "Sun, 01 Mar 99999999 12:00:00 GMT",
        "\x00\x01",
        "GMT",
    ],
)
def test_nonsense_and_the_past_count_as_not_asked(text: str) -> None:
    assert asked(text) == 0.0


def test_headers_that_are_none_are_no_trouble() -> None:
    class Odd(Exception):
        headers = 17
        response = None

    assert retry_after_s(Odd()) == 0.0
