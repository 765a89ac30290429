"""What `--good` and `--check` say of a payload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from misstep.cli.predicate import read_check, read_expression
from misstep.errors import UsageError


@pytest.mark.parametrize(
    ("text", "payload", "good"),
    [
        ("points >= 600", {"points": 600}, True),
        ("points >= 600", {"points": 599}, False),
        ("points >= 600", {"other": 1}, None),
        ("points >= 600", [1], None),
        ("file.amount == 27500", {"file": {"amount": "27500.00"}}, True),
        ("file.amount < 27500.01", {"file": {"amount": "27500.00"}}, True),
        ("points == total", {"points": 5, "total": 5.0}, True),
        ("points == total", {"points": 5, "total": 6}, False),
        ("points == total", {"points": 5}, None),
        ("rates.1 == 3", {"rates": [2, 3]}, True),
        ("rates.2 == 3", {"rates": [2, 3]}, None),
        ('risk == "low"', {"risk": "low"}, True),
        ('risk != "low"', {"risk": "low"}, False),
        ("risk == 5", {"risk": "low"}, False),
        ("risk > 5", {"risk": "low"}, None),
        ("done == true", {"done": True}, True),
        ("done == 1", {"done": True}, True),
        ("note == null", {"note": None}, True),
    ],
)
def test_a_comparison_judges_a_payload(text: str, payload: Any, good: bool | None) -> None:
    assert read_expression(text).judge(payload) is good


@pytest.mark.parametrize(
    "text", ["", "points", "points = 5", ">= 5", "points >= ", "risk == low risk", "risk == 'low'"]
)
def test_what_is_no_comparison_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--good"):
        read_expression(text)


def test_it_shows_what_the_payload_says() -> None:
    assert read_expression("points == total").shown({"points": 750, "total": "680"}) == 'points = 750, total = "680"'
    assert read_expression("points == total").shown({"points": 750}) == "points = 750"


def test_a_function_of_a_file_judges_a_payload(tmp_path: Path) -> None:
    file = tmp_path / "checks.py"
    file.write_text("def adds_up(payload):\n    return None if payload is None else sum(payload) == 6\n")
    judge = read_check(f"{file}:adds_up").judge
    assert [judge([1, 2, 3]), judge([1]), judge(None)] == [True, False, None]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("nothing", "names no function"),
        ("checks.py:", "names no function"),
        ("missing.py:f", "there is no file missing.py"),
        ("no.such.module:f", "cannot be imported"),
        ("json:no_such_function", "has no function no_such_function"),
        ("{tmp}/broken.py:f", "cannot be imported: SyntaxError"),
    ],
)
def test_a_check_that_is_none_is_refused(said: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    with pytest.raises(UsageError, match=why):
        read_check(said.replace("{tmp}", str(tmp_path)))


def test_a_check_that_raises_or_answers_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "checks.py"
    file.write_text("def f(payload):\n    return payload['x']\n")
    with pytest.raises(UsageError, match="raised KeyError: 'x'"):
        read_check(f"{file}:f").judge({})
    with pytest.raises(UsageError, match="returned 5; it answers True, False or None"):
        read_check(f"{file}:f").judge({"x": 5})
