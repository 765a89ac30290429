"""The route that the table of reasons gives a reason: text like `retry(3) | dead_letter`, read as a score writes it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from misstep.agents.route import Route, compensate, dead_letter, escalate, retry
from misstep.contracts.failure import REASONS

_RETRY = re.compile(r"retry\((\d+)\)")
_ENDINGS = {"escalate": escalate, "dead_letter": dead_letter, "compensate": compensate}


@cache
def default_route(reason: str) -> Route[Any, Any]:
    """A reason's route when no score says one; a workflow's own reasons escalate."""
    known = REASONS.get(reason)
    return read_route(known.default if known is not None else "escalate")


def read_route(text: str) -> Route[Any, Any]:
    """A route from its text: any number of `retry(N)`, then one ending."""
    route: Route[Any, Any] | None = None
    for part in map(str.strip, text.split("|")):
        retries = _RETRY.fullmatch(part)
        if retries is None and part not in _ENDINGS:
            raise ValueError(f"{text!r} is no default route: {part!r} is neither retry(N) nor an ending")
        link: Route[Any, Any] = retry(int(retries[1])) if retries else _ENDINGS[part]
        route = link if route is None else Route(*route.links, *link.links)
    if route is None or not route.links:
        raise ValueError("an empty text is no route")
    return route
