"""Draws docs/demo.svg from a real run: `.venv/bin/python docs/picture.py`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 112
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich's picture would fetch its font from elsewhere; the reader's own monospaced one does."""


def main() -> None:
    """Run the demo as on a terminal and keep what it prints."""
    docs = Path(__file__).parent
    ended = subprocess.run(
        [sys.executable, "-m", "misstep.cli.main", "demo"],
        cwd=docs.parent,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        check=True,
    )
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), color_system="truecolor")  # noqa: SIM115
    console.print(Text.from_ansi(ended.stdout.decode().rstrip()))
    picture = console.export_svg(title="make demo")
    (docs / "demo.svg").write_text(FONT_FACE.sub("", picture).replace("Fira Code", "ui-monospace"), "utf-8")


if __name__ == "__main__":
    main()
