"""A group of commands that imports a command when it is called, not before: `misstep --help` stays quick."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from misstep.cli.commands import COMMANDS, Command
from misstep.cli.interrupts import ends_at_once


class LazyGroup(TyperGroup):
    """Lists stubs with the summaries of `COMMANDS`; calls the real thing."""

    def __init__(self, **attributes: Any) -> None:
        attributes["commands"] = {one.name: TyperCommand(one.name, help=one.summary) for one in COMMANDS}
        super().__init__(**attributes)
        flow_help(self)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of use, not of the alphabet."""
        return [one.name for one in COMMANDS]

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, imported."""
        name, found, rest = super().resolve_command(ctx, args)
        for one in COMMANDS:
            if one.name == name:
                found = load(one)
        return name, found, rest


def load(command: Command) -> Any:
    """The command itself, its module imported."""
    with ends_at_once():
        found = typer.main.get_command(importlib.import_module(command.module).app)
    found.name = command.name
    flow_help(found)
    return found


def flow_help(command: Any) -> None:
    """Let the terminal break the lines of a command's help, instead of its source file; in its sub-commands too."""
    if command.help:
        paragraphs = inspect.cleandoc(command.help).split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for below in getattr(command, "commands", {}).values():
        flow_help(below)
