"""The README says what is: its commands and settings exist, all of them are in it, and its code runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from misstep.cli.commands import COMMANDS
from misstep.cli.lazy_group import load
from misstep.settings import Settings
from tests.cli.conftest import ROOT, Cli

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
CALLS = re.findall(r"misstep ((?:[a-z]+)(?: [^`\n|&)]*)?)", "\n".join(re.findall(r"`([^`\n]+)`", README)))
CALLS += re.findall(r"(?:^\$ |\| )misstep (.+)$", "".join(text for kind, text in BLOCKS if kind == "console"), re.M)


def commands() -> dict[str, typer.core.TyperCommand]:
    """Every command by its words: `up`, `matrix show`."""
    found = {}
    for one in COMMANDS:
        command = load(one)
        below = getattr(command, "commands", None)
        found |= {f"{one.name} {name}": sub for name, sub in below.items()} if below else {one.name: command}
    return found


def test_the_table_names_every_command_and_no_other() -> None:
    named = {
        " ".join(word for word in call.split() if re.fullmatch(r"[a-z][a-z-]*", word))
        for call in re.findall(r"^\| `misstep ([^`]+)` \|", README, re.MULTILINE)
    }
    assert named == set(commands())


@pytest.mark.parametrize("call", sorted(set(CALLS)))
def test_what_is_called_exists_with_its_options(call: str) -> None:
    words = shlex.split(call)
    known = commands()
    command = known.get(" ".join(words[:2])) or known.get(words[0])
    assert command is not None, call
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word in options, f"{call}: {word}"


def test_the_table_of_settings_is_complete() -> None:
    named = set(re.findall(r"^\| `(MISSTEP_[A-Z_]+)` \|", README, re.MULTILINE))
    assert named == {f"MISSTEP_{name.upper()}" for name in Settings.model_fields} | {"MISSTEP_PROJECT"}


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    of_a_project = set(re.findall(r"^([a-z]+):", (ROOT / "src/misstep/cli/templates/Makefile.tmpl").read_text(), re.M))
    for target in re.findall(r"`(?:\$ )?make ([a-z]+)", README):
        assert target in targets
    for block in (text for kind, text in BLOCKS if kind == "console"):
        for target in re.findall(r"^\$ make ([a-z]+)", block, re.MULTILINE):
            assert target in targets | of_a_project


def test_the_files_that_it_links_to_are_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).is_file(), link


def test_its_workflow_runs_and_is_well_typed(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "refund-desk"
    shutil.copytree(project, root, symlinks=True)
    for kind, text in BLOCKS:
        if kind == "python":
            path = re.match(r"# (\S+\.py)\n", text)
            assert path is not None, text
            (root / path[1]).write_text(text, "utf-8")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_refund.py"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr
    typed = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-p", "rooms.saga", "-p", "rooms.agents", "-p", "rooms.contracts"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert typed.returncode == 0, typed.stdout
    cli = Cli(root)
    assert cli("contracts", "lock").code == 0
    shown = cli("matrix", "show", "refund")
    assert "compliance_fail" in shown.out
