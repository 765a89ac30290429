"""A group of commands that imports a command when it is called, not before: `misstep --help` stays quick."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from misstep.cli.commands import COMMANDS


class LazyGroup(TyperGroup):
    """Lists stubs with the summaries of `COMMANDS`; calls the real thing."""

    def __init__(self, **attributes: Any) -> None:
        attributes["commands"] = {one.name: TyperCommand(one.name, help=one.summary) for one in COMMANDS}
        super().__init__(**attributes)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of use, not of the alphabet."""
        return [one.name for one in COMMANDS]

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, imported."""
        name, found, rest = super().resolve_command(ctx, args)
        for one in COMMANDS:
            if one.name == name:
                found = typer.main.get_command(importlib.import_module(one.module).app)
                found.name = name
        return name, found, rest
