"""Where commands print: text for a person, JSON for a program."""

from __future__ import annotations

from typing import Any

import orjson
from rich.console import Console


def console() -> Console:
    """Standard output, wide enough for tables when it is no terminal."""
    plain = Console(highlight=False, soft_wrap=False)
    return plain if plain.is_terminal else Console(highlight=False, width=max(plain.width, 120))


def print_json(value: Any) -> None:
    """One JSON value on standard output, indented."""
    print(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
