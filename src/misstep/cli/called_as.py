"""How the user calls `misstep`, for sentences that say what to type."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def called_as() -> str:
    """`misstep` when it is on the path, else the way to it from here."""
    here = Path(sys.argv[0])
    if shutil.which("misstep") or here.name != "misstep":
        return "misstep"
    way = os.path.relpath(here)
    return way if len(way) < len(str(here)) else str(here)
