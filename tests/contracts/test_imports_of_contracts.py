"""Contracts are the lowest layer: they need nothing else of misstep, and importing them touches nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import misstep.contracts

ROOM = Path(misstep.contracts.__file__).parent


def test_contracts_import_nothing_of_misstep_but_its_errors() -> None:
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("misstep"):
                assert module == "misstep.errors" or module.startswith("misstep.contracts"), path.name


def test_importing_contracts_opens_no_connection() -> None:
    code = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event.startswith("socket.") else None)
import misstep.contracts
assert not opened, opened
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
