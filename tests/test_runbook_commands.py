"""Every command that the runbook names exists, with the options that it is given and those that it needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from misstep.cli.commands import COMMANDS
from misstep.cli.lazy_group import load

TEXT = (Path(__file__).resolve().parents[1] / "RUNBOOK.md").read_text("utf-8")
SAID = sorted(set(re.findall(r"`(misstep [^`]+)`", TEXT)))


@pytest.mark.parametrize("said", SAID)
def test_a_command_that_is_named_exists_with_its_options(said: str) -> None:
    _, name, *words = shlex.split(said)
    (command,) = [load(one) for one in COMMANDS if one.name == name] or [None]
    assert command is not None, f"there is no misstep {name}"
    below = getattr(command, "commands", {})
    if below:
        command = below[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    needed = {parameter.opts[0] for parameter in command.params if parameter.required and parameter.opts[0][:2] == "--"}
    assert not words or needed <= set(words), "what is written out can be typed as it stands"
