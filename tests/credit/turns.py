"""Files and turns for agents that are called as functions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from rooms.contracts.credit import Application, File, Opened

from misstep import Failure, Turn
from misstep.testing import turn

T = TypeVar("T")
P = TypeVar("P")


def turn_of(payload: Any) -> Turn[Any]:
    return turn(payload, workflow="credit", agent="agent")


def application(loan: dict[str, Any], **changed: Any) -> Application:
    return Application.model_validate({**loan, **changed})


def file_with(**facts: Any) -> File:
    """A file of a signed offer whose papers were checked, with what the test changes."""
    usual: dict[str, Any] = {
        "application_id": "1",
        "amount": "10000",
        "entries": 20,
        "days": 12.5,
        "people": 5,
        "preaccepted": True,
        "accepted": True,
        "offers": 1,
        "sent_back": True,
        "validations": 1,
        "lead_calls": 0,
        "offer_calls": 1,
        "paper_calls": 0,
        "fraud_checks": 0,
        "fraud_check_open": False,
    }
    return File.model_validate({**usual, **facts})


def opened(**facts: Any) -> Turn[Opened]:
    return turn_of(Opened(file=file_with(**facts)))


def run(result: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(result)


def said(result: T | Failure[Any]) -> T:
    """The result, which must be none of the failures."""
    assert not isinstance(result, Failure), result
    return result


def refused(result: object) -> Failure[Any]:
    """The failure, which the result must be."""
    assert isinstance(result, Failure), result
    return result
