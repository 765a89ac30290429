"""Which field of a line looks like the case's id."""

from __future__ import annotations

import re
from collections.abc import Mapping

LOOKS_LIKE_ID = re.compile(
    r"(^|[_.-])(id|uuid|guid|key|no|nr|number|ref|reference)$|[a-z](Id|ID|Key|Number)$", re.ASCII
)


def fields_like_ids(said: Mapping[str, object]) -> tuple[str, ...]:
    """Names of the fields, in their order, that are called like an id and hold a text or a whole number."""
    return tuple(
        name
        for name, value in said.items()
        if LOOKS_LIKE_ID.search(name) and isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    )
