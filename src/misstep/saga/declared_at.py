"""Where a score says something: the file and line that messages name."""

from __future__ import annotations

import sys


def declared_at(depth: int = 1) -> str:
    """`file:line` of the code that called the function `depth` calls above this one's caller."""
    frame = sys._getframe(depth + 1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
