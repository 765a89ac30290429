"""mypy --strict and pyright find each planted mistake on its line, and nothing in a project that is right."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RIGHT = HERE / "said_right.py"
WRONG = HERE / "said_wrong.py"
PLANTED = {
    number: line.partition("# planted: ")[2]
    for number, line in enumerate(WRONG.read_text().splitlines(), 1)
    if "# planted: " in line
}

Found = dict[Path, dict[int, str]]


@functools.cache
def mypy() -> Found:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--show-error-codes", "--no-pretty", str(RIGHT), str(WRONG)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Found = {RIGHT: {}, WRONG: {}}
    for line in done.stdout.splitlines():
        error = re.match(r"(.+?):(\d+): error: (.*)", line)
        if error:
            found.setdefault((ROOT / error[1]).resolve(), {})[int(error[2])] = error[3]
    return found


@functools.cache
def pyright() -> Found:
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(RIGHT), str(WRONG)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Found = {RIGHT: {}, WRONG: {}}
    for said in json.loads(done.stdout)["generalDiagnostics"]:
        if said["severity"] == "error":
            found.setdefault(Path(said["file"]), {})[said["range"]["start"]["line"] + 1] = said["message"]
    return found


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])


@CHECKERS
@pytest.mark.parametrize("line", PLANTED, ids=list(PLANTED.values()))
def test_a_planted_mistake_is_found(checker: Callable[[], Found], line: int) -> None:
    assert line in checker()[WRONG]


@CHECKERS
def test_nothing_else_is_found(checker: Callable[[], Found]) -> None:
    assert {line: said for line, said in checker()[WRONG].items() if line not in PLANTED} == {}


@CHECKERS
def test_a_project_that_is_right_passes(checker: Callable[[], Found]) -> None:
    assert checker()[RIGHT] == {}


def test_there_are_mistakes_to_find() -> None:
    assert len(PLANTED) >= 25
