"""`measured.json`: what the scale benches found, each under its own name, for the model and for docs/scaling.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("measured.json")


def keep(name: str, found: dict[str, Any], file: Path = FILE) -> None:
    """Write what a bench found in place of what it found before."""
    whole = read(file)
    whole[name] = {"at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "machine": machine(), **found}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", "utf-8")
    draft.replace(file)


def read(file: Path = FILE) -> dict[str, Any]:
    """Everything that was found so far; empty before the first bench."""
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def machine() -> str:
    """Cores and processor."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores of {model}"


def keep_options(parser: argparse.ArgumentParser) -> None:
    """Where findings go, and how they are shown."""
    parser.add_argument("--keep", type=Path, default=FILE, help=f"file for what is found (default: {FILE.name})")
    parser.add_argument("--json", action="store_true")
