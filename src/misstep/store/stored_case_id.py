"""A case's id as the audit stores it: short enough for an index, and the same id for the same key."""

from __future__ import annotations

import hashlib
from typing import Final

MAX_CHARS: Final = 400


def stored_case_id(case_id: str) -> str:
    """`case_id` itself up to 400 characters; a longer one is cut, with its sha256 behind it."""
    if len(case_id) <= MAX_CHARS:
        return case_id
    return f"{case_id[:MAX_CHARS]}…{hashlib.sha256(case_id.encode('utf-8', 'backslashreplace')).hexdigest()}"
