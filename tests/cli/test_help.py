"""Help: every command teaches with an example, and the list is quick."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from misstep.cli.commands import COMMANDS
from misstep.cli.main import main

GROUPS = {
    "matrix": ("show", "check", "cover"),
    "contracts": ("lock", "check", "show"),
    "dlq": ("ls", "group", "show", "discard", "expire"),
    "queue": ("ls", "show", "claim", "answer"),
    "redrive": ("plan", "replay", "ls", "show", "abandon"),
}


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--help"]) == 0
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out))


@pytest.mark.parametrize("name", [one.name for one in COMMANDS])
def test_a_command_says_what_it_does_and_gives_an_example(capsys: pytest.CaptureFixture[str], name: str) -> None:
    said = help_of(capsys, name)
    summary = next(one.summary for one in COMMANDS if one.name == name)
    assert summary in said, "the list of commands and the command itself say the same"
    assert f"Example: misstep {name}" in said
    assert "--json" in said or name in GROUPS


@pytest.mark.parametrize("words", [(name, below) for name, all_below in GROUPS.items() for below in all_below])
def test_a_sub_command_does_too(capsys: pytest.CaptureFixture[str], words: tuple[str, str]) -> None:
    said = help_of(capsys, *words)
    assert f"Example: misstep {' '.join(words)}" in said
    assert "--json" in said


def test_the_list_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    said = help_of(capsys)
    for one in COMMANDS:
        assert f"{one.name} " in said
        assert one.summary in said


def test_every_command_has_a_file_of_its_own() -> None:
    for one in COMMANDS:
        module = importlib.import_module(one.module)
        assert inspect.getdoc(module) is not None


def test_a_misspelt_command_is_met_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publsh"]) == 2
    assert "publish" in capsys.readouterr().err


def test_a_wrong_option_is_one_sentence_and_says_where_the_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--jsn"]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert "misstep status --help" in said
